/**
 * The drawings of the magazine, computed when the site is built: no image is fetched. Colours come from classes in
 * site/style.css, so that a drawing follows light and dark.
 */

const round = (n) => Math.round(n * 10) / 10;
const TURN = 2 * Math.PI;

/**
 * A meander as Langbein and Leopold described it in 1966: not the path is a sine wave but its direction,
 * θ(s) = ω sin(2πs/M). Slow changes of ω and M along the way keep it from looking drawn with a ruler.
 */
function meander({ bends, swing, phase, drift, width = 1340, left = -70, middle = 265 }) {
  const steps = 700;
  const points = [];
  let x = 0;
  let y = 0;
  for (let i = 0; i <= steps; i++) {
    const u = i / steps;
    const omega = swing * (0.8 + 0.2 * Math.sin(TURN * 0.9 * u + drift));
    const angle = omega * Math.sin(TURN * bends * u + phase + 0.7 * Math.sin(TURN * 1.6 * u + drift * 2));
    x += Math.cos(angle);
    y += Math.sin(angle);
    points.push([x, y]);
  }
  const scale = width / x;
  const tilt = y / x;
  const mean = points.reduce((sum, [px, py]) => sum + py - px * tilt, 0) / points.length;
  return points
    .filter((_, i) => i % 4 === 0)
    .map(([px, py]) => [left + px * scale, middle + (py - px * tilt - mean) * scale + 22 * Math.sin(px / 60 + drift)]);
}

/** Catmull-Rom through the points as cubic Béziers. */
function smooth(points) {
  let d = `M${round(points[0][0])} ${round(points[0][1])}`;
  for (let i = 0; i < points.length - 1; i++) {
    const [p0, p1, p2, p3] = [points[Math.max(i - 1, 0)], points[i], points[i + 1], points[Math.min(i + 2, points.length - 1)]];
    const c1 = [p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6];
    const c2 = [p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6];
    d += `C${[...c1, ...c2, ...p2].map(round).join(" ")}`;
  }
  return d;
}

/**
 * Three ages of the river. Within one age the bends grow wider step by step, as bends do, so its beds lie nested in
 * each other; between two ages the river has jumped.
 */
const AGES = [
  { bends: 3.3, phase: 2.6, drift: 3.0, from: 1.3, to: 2.0, middle: 215 },
  { bends: 4.3, phase: 0.7, drift: 1.2, from: 1.1, to: 1.94, middle: 330 },
  { bends: 3.7, phase: 4.4, drift: 5.1, from: 1.35, to: 1.98, middle: 250 },
];
const STEPS = 5;
const NOW = { bends: 3.9, phase: 5.9, drift: 2.3, swing: 2.02, middle: 275 };

function rose(cx, cy, r) {
  const at = (radius, turn) => `${round(cx + radius * Math.sin(TURN * turn))} ${round(cy - radius * Math.cos(TURN * turn))}`;
  let ticks = "";
  for (let i = 0; i < 72; i++) {
    const inner = i % 18 === 0 ? r - 14 : i % 6 === 0 ? r - 9 : r - 5;
    ticks += `M${at(r, i / 72)}L${at(inner, i / 72)}`;
  }
  const needle = `M${at(r + 14, 0)}L${at(7, 0.25)}L${at(r - 18, 0.5)}L${at(7, 0.75)}Z`;
  return `<g class="rose"><circle cx="${cx}" cy="${cy}" r="${r}"/><circle cx="${cx}" cy="${cy}" r="${r - 20}"/><path d="${ticks}"/><path class="needle" d="${needle}"/></g>`;
}

function neatline(width, height, step) {
  let dark = "";
  for (let x = 0; x < width; x += 2 * step) dark += `M${x} 4h${step}M${x + step} ${height - 4}h${step}`;
  for (let y = 0; y < height; y += 2 * step) dark += `M4 ${y}v${step}M${width - 4} ${y + step}v${step}`;
  return `<g class="neatline"><rect x="8" y="8" width="${width - 16}" height="${height - 16}"/><path d="${dark}"/></g>`;
}

function riverMap() {
  const beds = [];
  for (const [age, { from, to, ...course }] of AGES.entries()) {
    for (let step = 0; step < STEPS; step++) {
      const swing = from + ((to - from) * step) / (STEPS - 1);
      const bed = smooth(meander({ ...course, swing, phase: course.phase + step * 0.2 }));
      beds.push(`<path class="edge" d="${bed}"/><path class="old${age * 2 + 1 + (step % 2)}" d="${bed}"/>`);
    }
  }
  const now = meander(NOW);
  const path = smooth(now);
  let soundings = "";
  for (let i = 12; i < now.length - 8; i += 9) {
    const depth = 3 + Math.round(4 + 4 * Math.sin(i * 1.7));
    soundings += `<text x="${round(now[i][0])}" y="${round(now[i][1] + 4)}">${depth}</text>`;
  }
  return `<svg class="river-map" viewBox="0 0 1200 530" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
<g class="channels">${beds.join("")}<path class="bank" d="${path}"/><path class="now" d="${path}"/></g>
<g class="soundings">${soundings}</g>${rose(672, 452, 46)}</svg>`;
}

/** Amplitude in metres and period in hours; close to the harmonic constants of a harbour in the Scheldt mouth. */
const CONSTITUENTS = [
  [1.75, 12.4206],
  [0.48, 12],
  [0.29, 12.6583],
  [0.11, 25.8193],
  [0.08, 23.9345],
];
const level = (hours) => CONSTITUENTS.reduce((sum, [amplitude, period]) => sum + amplitude * Math.cos((TURN * hours) / period), 0);

function tideCurve() {
  const [width, height, days, middle, metre] = [960, 260, 15, 128, 38];
  const x = (hours) => (hours / (days * 24)) * width;
  const y = (hours) => middle - metre * level(hours);
  let d = "";
  let marks = "";
  for (let hours = 0; hours <= days * 24; hours += 0.5) {
    d += `${hours ? "L" : "M"}${round(x(hours))} ${round(y(hours))}`;
    const [before, here, after] = [level(hours - 0.5), level(hours), level(hours + 0.5)];
    if (here > before && here >= after && hours > 1) marks += `<circle cx="${round(x(hours))}" cy="${round(y(hours))}" r="3"/>`;
  }
  let ticks = "";
  let names = "";
  for (let day = 0; day <= days; day++) ticks += `M${round(x(day * 24))} ${height - 26}v6`;
  for (let day = 0; day < days; day += 2) names += `<text x="${round(x(day * 24 + 24))}" y="${height - 6}">${day + 1}</text>`;
  return `<svg class="tide-curve" viewBox="0 0 ${width} ${height}" aria-hidden="true" focusable="false">
<path class="water" d="${d}L${width} ${height - 26}L0 ${height - 26}Z"/><path class="datum" d="M0 ${middle}H${width}M0 ${height - 26}H${width}"/>
<path class="level" d="${d}"/><g class="marks">${marks}</g><path class="ticks" d="${ticks}"/><g class="days">${names}</g></svg>`;
}

function harbour() {
  const waves = (y, shift) => {
    let d = `M-40 ${y}`;
    for (let x = -40; x < 680; x += 40) d += `q10 ${shift} 20 0t20 0`;
    return `${d}V360H-40Z`;
  };
  return `<svg class="harbour" viewBox="0 0 640 360" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
<rect class="sky" width="640" height="360"/><circle class="moon" cx="498" cy="82" r="34"/>
<path class="far" d="M0 214h120v-26h16v-22h10v22h14v26h70v-38h12l10-30 10 30h12v38h120v-20h44v20h202v60H0Z"/>
<path class="sea sea1" d="${waves(236, -7)}"/><g class="boat"><path d="M262 246h96l-14 26h-68Z"/><path d="M308 240v-92l46 84Zm-6 0v-70l-30 66Z"/></g>
<path class="sea sea2" d="${waves(266, 8)}"/><path class="sea sea3" d="${waves(302, -9)}"/></svg>`;
}

/** Values for `{{…}}` in the pages. */
export const art = {
  "art.river": riverMap(),
  "art.tide": tideCurve(),
  "art.harbour": harbour(),
  "art.neatline": `<svg class="neat" viewBox="0 0 1200 530" preserveAspectRatio="none" aria-hidden="true" focusable="false">${neatline(1200, 530, 30)}</svg>`,
  "art.mark": `<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><circle cx="16" cy="16" r="14"/><path d="M3 13q6.5-5 13 0t13 0M3 20q6.5-5 13 0t13 0"/></svg>`,
};
