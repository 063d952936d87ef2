// Numbers and axes, as iterun writes them elsewhere.
function shown(x) {
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  if (Math.abs(x) >= 1e4 && Math.abs(x) < 1e7) return x.toFixed(0);
  return String(Number(x.toPrecision(4)));
}

function ticks(low, high, most) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return low === high ? [low] : [low, high];
  const rough = span / (most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((one) => one >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  if (!step || last - first > 2 * most) return [low, high];
  const digits = Math.min(100, Math.max(0, 2 - Math.floor(Math.log10(step))));
  return Array.from({ length: last - first + 1 }, (_, k) => Number(((first + k) * step).toFixed(digits)));
}

function logTicks(low, high) {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const powers = Array.from({ length: last - first + 1 }, (_, k) => first + k);
  if (powers.length > 5) {
    const step = Math.ceil(powers.length / 8);
    return powers.filter((_, k) => k % step === 0 || k === powers.length - 1).map((k) => 10 ** k);
  }
  const found = powers.flatMap((k) => [1, 2, 5].map((m) => Number(`${m}e${k}`)));
  const start = found.findLastIndex((x) => x <= low);
  const end = found.findIndex((x) => x >= high);
  return found.slice(Math.max(start, 0), end < 0 ? undefined : end + 1);
}

// Takes [low, high] to [start, end]; a range of no width to the middle.
function scale(low, high, start, end) {
  return (x) => start + (high > low ? (x - low) / (high - low) : 0.5) * (end - start);
}

// An SVG path through places; null breaks it.
function path(places) {
  let text = "";
  let pen = "M";
  for (const place of places) {
    if (place) text += `${pen}${place[0].toFixed(1)} ${place[1].toFixed(1)}`;
    pen = place ? "L" : "M";
  }
  return text;
}
