export const FORMS = ['card', 'bar', 'bar-top', 'box', 'box-end', 'box-top', 'box-top-end', 'centre'];

/** Whether the banner stands on a wide window where the layout's name says. */
export const place = (form: string, banner: { x: number; y: number; width: number; height: number }, { width, height }: { width: number; height: number }) => {
  const left = banner.x;
  const right = width - banner.x - banner.width;
  const below = height - banner.y - banner.height;
  if (form == 'centre') return Math.abs(left - right) <= 1 && Math.abs(banner.y - below) <= 1;
  const upright = form.includes('top') ? banner.y < below : below < banner.y;
  if (form == 'card') return upright && Math.abs(left - right) <= 1;
  if (form.startsWith('bar')) return upright && left == 0 && right == 0;
  return upright && (form.endsWith('end') ? right < left : left < right);
};
