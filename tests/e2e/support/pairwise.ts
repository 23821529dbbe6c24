type Factors = Record<string, readonly string[]>;
type Row<F extends Factors> = { [name in keyof F]: F[name][number] };

/**
 * Few combinations, in which each value of each factor meets each value of every other one. Most defects need no more
 * than two (Kuhn, Wallace, Gallo: "Software Fault Interactions", 2004). Greedy and without chance: the same rows every time.
 */
export function pairwise<F extends Factors>(factors: F): Row<F>[] {
  const names = Object.keys(factors);
  const pairs = (row: Record<string, string>) => names.flatMap((a, at) => names.slice(at + 1)
    .filter((b) => row[a] != null && row[b] != null).map((b) => JSON.stringify([a, row[a], b, row[b]])));
  const open = new Set(names.flatMap((a, at) => names.slice(at + 1).flatMap((b) => factors[a]!.flatMap((x) => factors[b]!.map((y) => JSON.stringify([a, x, b, y]))))));
  const rows: any[] = [];
  while (open.size) {
    const [a, x, b, y] = JSON.parse([...open][0]!);
    const row: Record<string, string> = { [a]: x, [b]: y };
    for (const name of names.filter((name) => row[name] == null)) {
      const gain = (value: string) => pairs({ ...row, [name]: value }).filter((pair) => open.has(pair)).length;
      // Among equals another one each time.
      const values = factors[name]!.map((_, at, all) => all[(at + rows.length) % all.length]!);
      row[name] = values.reduce((best, value) => (gain(value) > gain(best) ? value : best));
    }
    for (const pair of pairs(row)) open.delete(pair);
    rows.push(row);
  }
  return rows;
}
