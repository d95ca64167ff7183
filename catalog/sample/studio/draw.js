// Drawings of the sample library, and the clockwork of its videos. Build-time only (Chromium).
// <b d="pie 1 4" w="200"></b> is replaced by draw.pie(["1", "4"], seconds): an SVG. In a shot the
// word "go" lets a drawing move with the time; on paper and slides the time is the end of it.
"use strict";
const HUE = () => getComputedStyle(document.documentElement).getPropertyValue("--hue").trim();
const svg = (w, h, body) => `<svg viewBox="0 0 ${w} ${h}" xmlns="http://www.w3.org/2000/svg">${body}</svg>`;
const line = (x1, y1, x2, y2, s = "#333", w = 4, more = "") => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${s}" stroke-width="${w}" stroke-linecap="round" ${more}/>`;
const circle = (x, y, r, f = "#333", more = "") => `<circle cx="${x}" cy="${y}" r="${r}" fill="${f}" ${more}/>`;
const oval = (x, y, rx, ry, f, more = "") => `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}" fill="${f}" ${more}/>`;
const dot = (x, y, r, f) => `<path d="M${x} ${y}h.01" stroke="${f}" stroke-width="${2 * r}" stroke-linecap="round"/>`; // small on paper
const rect = (x, y, w, h, f, more = "") => `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${f}" ${more}/>`;
const path = (d, f = "none", s = "#333", w = 4, more = "") => `<path d="${d}" fill="${f}" stroke="${s}" stroke-width="${w}" stroke-linecap="round" stroke-linejoin="round" ${more}/>`;
const text = (x, y, t, size = 24, f = "#333", more = "") => `<text x="${x}" y="${y}" font-size="${size}" fill="${f}" text-anchor="middle" ${more}>${t}</text>`;
const group = (move, body) => `<g transform="${move}">${body}</g>`;
const polar = (x, y, r, turn) => [x + r * Math.sin(turn * 2 * Math.PI), y - r * Math.cos(turn * 2 * Math.PI)];
const ease = (t, seconds) => { const x = Math.max(0, Math.min(1, t / seconds)); return x * x * (3 - 2 * x); };
const number = (args, i, other) => (args[i] === undefined || isNaN(args[i]) ? other : Number(args[i]));
const bpm = (args) => { const i = args.indexOf("go"); return i < 0 ? 60 : number(args, i + 1, 60); };
const moves = (args) => args.includes("go");
const sector = (x, y, r, from, to) => { const [a, b] = polar(x, y, r, from), [c, d] = polar(x, y, r, to); return `M${x} ${y}L${a} ${b}A${r} ${r} 0 ${to - from > 0.5 ? 1 : 0} 1 ${c} ${d}Z`; };
const each = (n, f) => Array.from({ length: n }, (_, i) => f(i)).join("");
const draw = {};

// --- mathematics
draw.pie = (a, t) => {
  const k = number(a, 0, 1), n = number(a, 1, 4), shown = moves(a) ? Math.floor(t / 0.8) : 99;
  return svg(200, 200, circle(100, 100, 92, "#fffaf0", 'stroke="#8a5a00" stroke-width="4"')
    + each(n, (i) => path(sector(100, 100, 92, i / n, (i + 1) / n), i < k && i < shown ? a[2] && a[2][0] === "#" ? a[2] : "#f2a83b" : "none", "#8a5a00", 4)));
};
draw.bar = (a, t) => {
  const k = number(a, 0, 1), n = number(a, 1, 4), shown = moves(a) ? Math.floor(t / 0.6) : 99;
  return svg(400, 70, each(n, (i) => rect(4 + 392 * i / n, 5, 392 / n, 60, i < k && i < shown ? "#6db6e8" : "#fff", 'stroke="#1f5d8c" stroke-width="3"')));
};
draw.divide = (a, t) => {                       // 13 by 4: groups ringed, the rest left over
  const n = number(a, 0, 13), k = number(a, 1, 4), full = Math.floor(n / k), shown = moves(a) ? Math.floor(t / 1.1) : 99;
  const place = (i) => { const g = Math.floor(i / k), j = i % k; return [40 + g * 118 + (j % 2) * 44, 40 + Math.floor(j / 2) * 44]; };
  return svg((full + (n % k ? 1 : 0)) * 118 + 10, 40 + Math.ceil(k / 2) * 44, each(n, (i) => dot(...place(i), 16, i < full * k ? "#e57b4f" : "#5c8fd6"))
    + each(full, (g) => (g < shown ? rect(12 + g * 118, 12, 100, Math.ceil(k / 2) * 44 + 12, "none", 'rx="18" stroke="#8a5a00" stroke-width="4"') : "")));
};
draw.clock = (a, t) => {
  const from = number(a, 0, 3) * 60 + number(a, 1, 0), to = moves(a) ? number(a, 3, 3) * 60 + number(a, 4, 0) : from;
  const now = from + (to - from) * ease(t, 4), [hx, hy] = polar(120, 120, 52, now / 720), [mx, my] = polar(120, 120, 82, now / 60);
  return svg(240, 240, circle(120, 120, 112, "#fff", 'stroke="#2f5d8a" stroke-width="7"')
    + each(60, (i) => { const [x1, y1] = polar(120, 120, 106, i / 60), [x2, y2] = polar(120, 120, i % 5 ? 101 : 96, i / 60); return line(x1, y1, x2, y2, "#555", i % 5 ? 1.5 : 3); })
    + each(12, (i) => { const [x, y] = polar(120, 120, 82, (i + 1) / 12); return text(x, y + 8, i + 1, 22); })
    + line(120, 120, hx, hy, "#c2452d", 9) + line(120, 120, mx, my, "#1f66b0", 5) + circle(120, 120, 7));
};
draw.rect = (a, t) => {                         // its edge is walked along
  const w = number(a, 0, 6) * 40, h = number(a, 1, 4) * 40, p = moves(a) ? ease(t, 4) : 1, way = 2 * (w + h);
  return svg(w + 130, h + 80, rect(60, 40, w, h, "#fffaf0", 'stroke="#ccb" stroke-width="3"') + path(`M60 40h${w}v${h}h${-w}Z`, "none", "#d2452d", 7, `stroke-dasharray="${way}" stroke-dashoffset="${way * (1 - p)}"`)
    + text(60 + w / 2, 28, a[0] + " 厘米") + text(60 + w + 4, 48 + h / 2, a[1] + " 厘米", 24, "#333", 'style="text-anchor:start"'));
};
draw.triangle = () => svg(260, 200, path("M30 160H230L90 30Z", "#fffaf0", "#d2452d", 6) + text(130, 190, "5 厘米", 22) + text(30, 90, "3 厘米", 22) + text(205, 90, "4 厘米", 22));
draw.ruler = (a) => {
  const cm = number(a, 0, 10), mm = number(a, 1, 0), step = 600 / cm / 10;
  return svg(640, 120, rect(10, 50, 620, 60, "#fff6d8", 'stroke="#8a5a00" stroke-width="3" rx="6"') + each(cm * 10 + 1, (i) => line(20 + i * step, 50, 20 + i * step, i % 10 ? (i % 5 ? 62 : 68) : 76, "#333", 1.6))
    + each(cm + 1, (i) => text(20 + i * step * 10, 100, i, 22)) + (mm ? line(20, 34, 20 + mm * step, 34, "#d2452d", 10) : ""));
};
draw.compass = (a, t) => {
  const turn = moves(a) ? 360 * (1 - ease(t, 3)) : 0;
  return svg(260, 260, circle(130, 130, 84, "#fff", 'stroke="#2f5d8a" stroke-width="5"') + group(`rotate(${turn} 130 130)`, path("M130 60L148 130H112Z", "#d2452d", "#d2452d", 2) + path("M130 200L148 130H112Z", "#5c8fd6", "#5c8fd6", 2))
    + text(130, 36, "北", 30) + text(130, 248, "南", 30) + text(236, 141, "东", 30) + text(24, 141, "西", 30));
};
draw.places = () => svg(420, 300, rect(5, 5, 410, 290, "#f4faef", 'stroke="#8aa86a" stroke-width="4" rx="14"')
  + [[210, 150, "学校", "#f2a83b"], [210, 45, "图书室", "#6db6e8"], [210, 255, "医院", "#e58f8f"], [355, 150, "商店", "#b99be0"], [65, 150, "公园", "#8cc97a"]]
    .map(([x, y, n, f]) => rect(x - 52, y - 26, 104, 52, f, 'rx="10"') + text(x, y + 9, n, 26)).join("") + path("M385 70V25M375 38l10-14 10 14", "none", "#d2452d", 4) + text(385, 96, "北", 24));

// --- music
const NOTE = (x, y, open) => group(`translate(${x} ${y}) rotate(-20)`, oval(0, 0, 13, 9.5, open ? "#fff" : "#222", open ? 'stroke="#222" stroke-width="4"' : ""));
draw.rhythm = (a, t) => {                       // q quarter, ee two eighths, h half, r quarter rest
  const beats = a[0].split(","), now = moves(a) ? Math.floor(t * bpm(a) / 60) : -1;
  let beat = 0;
  const body = beats.map((b) => {
    const x = 50 + beat * 90, on = now >= 0 && now % total(beats) >= beat && now % total(beats) < beat + (b === "h" ? 2 : 1);
    beat += b === "h" ? 2 : 1;
    const halo = on ? rect(x - 36, 4, b === "h" ? 164 : 76, 150, "#ffe08a", 'rx="14"') : "";
    if (b === "|") { beat -= 1; return line(x - 44, 20, x - 44, 110, "#222", 3); }
    if (b === "r") return halo + path(`M${x - 5} 34l14 20-12 12 14 18q-18-6-12 14`, "none", "#222", 5) + text(x, 146, "（空）", 20);
    if (b === "ee") return halo + NOTE(x - 15, 95) + NOTE(x + 21, 95) + line(x - 3, 92, x - 3, 36, "#222", 4) + line(x + 33, 92, x + 33, 36, "#222", 4) + line(x - 3, 39, x + 33, 39, "#222", 9) + text(x + 6, 146, "ti ti", 24);
    return halo + NOTE(x, 95, b === "h") + line(x + 12, 92, x + 12, 30, "#222", 4) + text(x + (b === "h" ? 44 : 0), 146, b === "h" ? "ta - a" : "ta", 24);
  }).join("");
  return svg(beat * 90 + 12, 160, body);
};
const total = (beats) => beats.reduce((n, b) => n + (b === "h" ? 2 : b === "|" ? 0 : 1), 0);
draw.jianpu = (a, t) => {                       // 1 _5 (eighth) - | 0 ; ' above, , below
  const words = a[0].split("~"), now = moves(a) ? t * bpm(a) / 60 : -1;
  let x = 30, beat = 0;
  const body = words.map((w) => {
    const long = w === "|" ? 0 : w[0] === "_" ? 0.5 : 1, here = x, on = now >= beat && now < beat + long;
    beat += long; x += w === "|" ? 26 : w[0] === "_" ? 42 : 56;
    if (w === "|") return line(here - 8, 20, here - 8, 76, "#333", 3);
    const digit = w.replace(/[_',]/g, "");
    return text(here, 62, digit, 46, on ? "#d2452d" : "#222", 'font-weight="bold"') + (w[0] === "_" ? line(here - 14, 76, here + 14, 76, "#222", 3) : "")
      + (w.includes("'") ? circle(here, 16, 4) : "") + (w.includes(",") ? circle(here, w[0] === "_" ? 88 : 80, 4) : "");
  }).join("");
  return svg(x, 96, body);
};
const CLEF = "M314 801Q300 854 291 906Q282 958 282 1012Q282 1059 288 1100Q295 1142 307 1177Q320 1217 341 1252Q362 1288 386 1311Q409 1334 427 1334Q451 1334 493 1249Q514 1206 524 1156Q534 1106 534 1049Q534 978 515 908Q496 837 460 775Q423 713 372 666L407 498Q422 500 432 501Q442 502 447 502Q508 502 556 468Q604 433 632 377Q661 321 661 254Q661 177 622 116Q582 54 503 25Q508 8 532 -117Q538 -147 541 -164Q544 -182 545 -195Q546 -208 546 -225Q546 -275 522 -314Q497 -354 456 -376Q414 -398 363 -398Q311 -398 271 -378Q231 -359 208 -324Q185 -290 185 -245Q185 -197 212 -165Q238 -133 287 -133Q329 -133 356 -164Q382 -194 382 -236Q382 -272 357 -299Q332 -326 292 -326H282Q308 -365 364 -365Q433 -365 472 -320Q511 -275 511 -205Q511 -188 507 -160Q503 -131 493 -91Q483 -51 478 -25Q472 1 470 12Q436 2 390 2Q304 2 222 52Q142 102 96 184Q50 266 50 361Q50 451 91 530Q132 609 192 675Q253 741 314 801ZM341 826Q364 838 390 870Q416 903 440 945Q464 987 479 1030Q494 1072 494 1106Q494 1142 483 1163Q472 1184 445 1184Q421 1184 398 1162Q376 1140 358 1104Q341 1067 331 1022Q321 977 321 930Q321 898 328 872Q334 846 341 826ZM398 379Q371 373 347 354Q323 334 308 306Q294 279 294 248Q294 223 307 196Q320 170 339 154Q352 142 365 136Q380 129 380 123Q380 120 370 117Q332 126 302 151Q271 176 254 212Q236 247 236 287Q236 330 254 370Q271 410 302 442Q334 474 374 490L345 641Q229 547 174 456Q120 366 120 277Q120 212 154 156Q188 100 247 66Q306 31 380 31Q400 31 420 35Q441 39 464 45ZM495 55Q593 97 593 227Q593 270 571 306Q549 341 512 362Q475 383 429 383Z"; // U+1D11E of Noto Music
const STEP = { C: 0, D: 1, E: 2, F: 3, G: 4, A: 5, B: 6 };
draw.staff = (a, t) => {
  const notes = a[0].split(","), now = moves(a) ? Math.floor(t * bpm(a) / 60) : -1, width = 120 + notes.length * 62;
  return svg(width, 170, each(5, (i) => line(10, 40 + i * 18, width - 10, 40 + i * 18, "#444", 2.5)) + group("translate(20 112) scale(0.0740 -0.0740)", path(CLEF, "#000", "none", 0))
    + notes.map((n, i) => { const y = 130 - (STEP[n[0]] + 7 * (n[1] - 4)) * 9, x = 125 + i * 62; return (i === now ? circle(x, y, 24, "#ffe08a") : "") + NOTE(x, y) + (y >= 130 ? line(x - 22, 130, x + 22, 130, "#444", 2.5) : "") + (y < 76 ? line(x - 11, y, x - 11, y + 58, "#222", 3.5) : line(x + 12, y, x + 12, y - 58, "#222", 3.5)); }).join(""));
};
draw.metronome = (a, t) => {
  const turn = moves(a) ? 28 * Math.cos(t * bpm(a) / 60 * Math.PI) : 12;
  return svg(200, 240, path("M65 30H135L175 225H25Z", "#c98f4e", "#7a4a14", 6) + group(`rotate(${turn} 100 200)`, line(100, 200, 100, 30, "#222", 5) + rect(84, 70, 32, 26, "#d2452d", 'rx="4"')) + rect(25, 196, 150, 29, "#9a6428"));
};
draw.wave = (a, t) => { const h = number(a, 0, 40), p = moves(a) ? t * 5 : 0; return svg(400, 120, path("M" + Array.from({ length: 67 }, (_, i) => `${i * 6} ${(60 - h * Math.sin(i / 3.2 - p)).toFixed(1)}`).join("L"), "none", HUE(), 6)); };
draw.stairs = (a, t) => {                       // notes as steps
  const notes = a[0].split(","), now = moves(a) ? Math.floor(t * bpm(a) / 60) : -1;
  return svg(notes.length * 100 + 10, 60 + notes.length * 34, notes.map((n, i) => rect(5 + i * 100, 26 + (notes.length - 1 - i) * 34, 96, (i + 1) * 34, i === now ? "#ffcf4a" : "#d9c6ea", 'rx="8" stroke="#7a3fa0" stroke-width="3"') + text(53 + i * 100, 56 + (notes.length - 1 - i) * 34, n, 28)).join(""));
};
draw.drum = () => svg(200, 170, rect(30, 60, 140, 80, "#d2452d") + oval(100, 140, 70, 22, "#d2452d") + oval(100, 60, 70, 22, "#fff3d0", 'stroke="#8a5a00" stroke-width="5"') + each(6, (i) => circle(40 + i * 24, 92, 4, "#f2c13b")) + line(60, 8, 92, 52, "#8a5a00", 6) + line(150, 8, 118, 52, "#8a5a00", 6));
draw.gong = () => svg(200, 170, path("M30 160V18H170V160", "none", "#7a4a14", 8) + line(80, 18, 80, 50, "#555", 3) + line(120, 18, 120, 50, "#555", 3) + circle(100, 94, 52, "#e0b040", 'stroke="#9a7010" stroke-width="5"') + circle(100, 94, 20, "#f0cf70"));
draw.cymbals = () => svg(200, 170, [-1, 1].map((s) => group(`translate(${100 + s * 34} 90) rotate(${s * 14})`, oval(0, 0, 18, 62, "#e8bf4a", 'stroke="#9a7010" stroke-width="4"') + oval(s * 10, 0, 9, 22, "#d2a030") + path(`M${s * 16} 0q${s * 20} 8 ${s * 26} 34`, "none", "#d2452d", 6))).join(""));
draw.cup = () => svg(140, 150, path("M25 20H115L100 130H40Z", "#8cc5ee", "#1f66b0", 5) + oval(70, 20, 45, 12, "#d8edfb", 'stroke="#1f66b0" stroke-width="5"'));
draw.woodblock = () => svg(200, 150, rect(30, 60, 140, 60, "#c98f4e", 'rx="14" stroke="#7a4a14" stroke-width="5"') + rect(46, 84, 108, 10, "#5a3510", 'rx="5"') + line(150, 10, 108, 54, "#8a5a00", 7) + circle(106, 56, 10, "#8a5a00"));

// --- art
const COLOUR = { 红: "#e23b2e", 黄: "#f8d31f", 蓝: "#2767c9", 橙: "#f0862a", 绿: "#3b9e4a", 紫: "#7a3f9d" };
let clips = 0;
draw.mix = (a, t) => {
  const p = moves(a) ? ease(t, 2.5) : 1, d = 110 - 62 * p, clip = `clip${clips += 1}`;
  return svg(420, 220, `<defs><clipPath id="${clip}"><circle cx="${210 - d}" cy="110" r="84"/></clipPath></defs>` + circle(210 - d, 110, 84, COLOUR[a[0]]) + circle(210 + d, 110, 84, COLOUR[a[1]])
    + circle(210 + d, 110, 84, COLOUR[a[2]], `clip-path="url(#${clip})"`) + text(210 - d - 34, 120, a[0], 34, "#fff") + text(210 + d + 34, 120, a[1], 34, "#fff") + (p > 0.95 ? text(210, 120, a[2], 34, "#fff") : ""));
};
draw.blob = (a) => svg(120, 120, circle(60, 60, 52, COLOUR[a[0]]) + text(60, 74, a[0], 40, "#fff"));
draw.wheel = () => svg(260, 260, ["红", "橙", "黄", "绿", "蓝", "紫"].map((n, i) => { const [x, y] = polar(130, 130, 82, i / 6); return path(sector(130, 130, 122, (i - 0.5) / 6, (i + 0.5) / 6), COLOUR[n], "#fff", 4) + text(x, y + 12, n, 32, "#fff"); }).join("") + circle(130, 130, 34, "#fff"));
const WING = "M100 100C120 20 190 20 180 80C176 104 140 110 112 106C150 112 166 140 150 164C134 184 106 150 100 116Z";
draw.butterfly = (a, t) => {
  const p = moves(a) ? ease(t, 3) : 1;
  const half = path(WING, "#f29ac0", "#a02c63", 4) + circle(150, 70, 14, "#fff") + circle(134, 142, 9, "#fff");
  return svg(200, 200, half + group(`translate(${100 - 100 * -1} 0)`, "") + group(`translate(100 0) scale(${1 - 2 * p} 1) translate(-100 0)`, half) + line(100, 14, 100, 190, "#444", 3, 'stroke-dasharray="8 8"'));
};
draw.fold = (a) => {                            // how the paper is folded: step 1, 2, 3
  const k = number(a, 0, 1), shapes = ["M30 30H170V170H30Z", "M30 30H170V100H30Z", "M30 30H100V100H30Z", "M30 30L100 30L100 100Z"];
  return svg(200, 200, path(shapes[k], "#e8574a", "#98261b", 4) + (k === 0 ? line(30, 100, 170, 100, "#fff", 3, 'stroke-dasharray="8 8"') : k === 1 ? line(100, 30, 100, 100, "#fff", 3, 'stroke-dasharray="8 8"') : k === 2 ? line(30, 30, 100, 100, "#fff", 3, 'stroke-dasharray="8 8"') : ""));
};
draw.papercut = (a, t) => {                     // 8 equal wedges around the middle
  const shown = moves(a) ? 1 + Math.floor(t / 0.45) : 8;
  const wedge = path("M100 100L100 8Q118 14 132 24L122 40Q130 46 138 34L150 50L132 68Z", "#e23b2e", "#b5271c", 1) + path("M106 62q8-12 14-4q2 8-12 14Z", "#fff7f2", "none", 0) + path("M104 30q8-4 12 2q-4 8-12 6Z", "#fff7f2", "none", 0) + path("M106 84q5-5 9-4l-7 9Z", "#fff7f2", "none", 0);
  return svg(200, 200, each(8, (i) => (i < shown ? group(`rotate(${Math.floor(i / 2) * 90 + (i % 2 ? 90 : 0)} 100 100)` + (i % 2 ? " translate(200 0) scale(-1 1)" : ""), wedge) : "")));
};
draw.dots = () => svg(240, 180, each(120, (i) => { const r = 62 * Math.sqrt(i / 120), w = i * 2.4; return dot((120 + r * Math.cos(w)).toFixed(1), (70 + r * Math.sin(w)).toFixed(1), 4.4, ["#3b9e4a", "#8cc97a", "#f8d31f"][i % 3]); }) + each(12, (i) => dot(116 + (i % 2) * 8, 122 + i * 4.4, 4, "#8a5a00")));
draw.lines = () => svg(240, 180, each(6, (i) => path(`M10 ${60 + i * 20}q40 ${-34 + i * 4} 80 0t80 0t60 -8`, "none", ["#2767c9", "#3b9e4a", "#16776f"][i % 3], 4)) + each(7, (i) => line(170 + i * 9, 18, 160 + i * 9, 44, "#5c8fd6", 3)));
draw.planes = () => svg(240, 180, rect(0, 130, 240, 50, "#8cc97a") + path("M60 80L120 30L180 80Z", "#e23b2e", "none", 0) + rect(72, 80, 96, 70, "#f8d31f") + rect(106, 104, 30, 46, "#7a4a14") + circle(210, 36, 22, "#f0862a"));
draw.face = (a) => svg(160, 160, circle(80, 80, 70, "#ffe3c2", 'stroke="#8a5a00" stroke-width="4"') + circle(56, 66, 7) + circle(104, 66, 7) + path({ 笑: "M48 96Q80 132 112 96", 哭: "M52 116Q80 88 108 116", 惊: "M68 108a12 14 0 1 0 24 0a12 14 0 1 0-24 0" }[a[0]], "none", "#c2452d", 6));

// --- English
draw.cat = () => svg(200, 180, path("M50 70L48 20L86 46Z", "#f0a04a", "#6a4210", 4) + path("M150 70L152 20L114 46Z", "#f0a04a", "#6a4210", 4) + circle(100, 100, 64, "#f0a04a", 'stroke="#6a4210" stroke-width="4"') + circle(76, 88, 8) + circle(124, 88, 8) + path("M92 110h16l-8 9Z", "#c2452d", "none", 0) + path("M100 120q-10 14-22 6M100 120q10 14 22 6M60 112H24M60 122L28 132M140 112h36M140 122l32 10", "none", "#6a4210", 3));
draw.dog = () => svg(200, 180, circle(100, 96, 62, "#d9a66a", 'stroke="#5f3b12" stroke-width="4"') + oval(40, 90, 20, 46, "#8a5a2a", 'transform="rotate(12 40 90)"') + oval(160, 90, 20, 46, "#8a5a2a", 'transform="rotate(-12 160 90)"') + circle(78, 82, 8) + circle(122, 82, 8) + oval(100, 116, 32, 24, "#f6e3c8") + oval(100, 106, 12, 8, "#222") + path("M100 114v12M100 126q-10 8-18 0M100 126q10 8 18 0", "none", "#333", 3) + path("M94 134q6 22 14 0Z", "#e2707a", "none", 0));
draw.duck = () => svg(220, 180, oval(110, 116, 80, 46, "#f8d93a", 'stroke="#9a7010" stroke-width="4"') + circle(60, 62, 34, "#f8d93a", 'stroke="#9a7010" stroke-width="4"') + path("M28 62L2 70L28 80Z", "#f0862a", "#a85a10", 3) + circle(52, 54, 5) + path("M100 108q40-26 66 6q-30 26-66-6Z", "#eec21a", "#9a7010", 3) + path("M96 160v16M124 160v16", "none", "#f0862a", 6));
draw.pig = () => svg(200, 180, path("M54 50L44 18L84 40Z", "#f2a0b4", "#8f3f58", 4) + path("M146 50L156 18L116 40Z", "#f2a0b4", "#8f3f58", 4) + circle(100, 98, 66, "#f7b8c8", 'stroke="#8f3f58" stroke-width="4"') + circle(76, 80, 7) + circle(124, 80, 7) + oval(100, 108, 28, 20, "#ee8fa8", 'stroke="#8f3f58" stroke-width="3"') + oval(91, 108, 5, 8, "#8f3f58") + oval(109, 108, 5, 8, "#8f3f58") + path("M80 138q20 12 40 0", "none", "#8f3f58", 3));
draw.bird = () => svg(220, 180, path("M150 96L214 70L200 120Z", "#2767c9", "#173e7a", 3) + oval(106, 100, 62, 44, "#5c9be6", 'stroke="#173e7a" stroke-width="4"') + circle(62, 66, 30, "#5c9be6", 'stroke="#173e7a" stroke-width="4"') + path("M34 64L10 70L36 78Z", "#f0862a", "#a85a10", 3) + circle(56, 58, 5) + path("M96 92q44-18 52 22q-34 10-52-22Z", "#2767c9", "#173e7a", 3) + path("M96 142v24M116 142v24", "none", "#f0862a", 5));
draw.panda = () => svg(200, 180, circle(50, 46, 24, "#222") + circle(150, 46, 24, "#222") + circle(100, 98, 66, "#fff", 'stroke="#222" stroke-width="4"') + oval(74, 90, 18, 22, "#222", 'transform="rotate(20 74 90)"') + oval(126, 90, 18, 22, "#222", 'transform="rotate(-20 126 90)"') + circle(76, 88, 6, "#fff") + circle(124, 88, 6, "#fff") + oval(100, 118, 11, 8, "#222") + path("M100 126q-8 12-18 6M100 126q8 12 18 6", "none", "#222", 3));
draw.pencil = () => svg(220, 90, path("M20 30H160L205 47L160 64H20Z", "#f8d31f", "#8a5a00", 4) + path("M160 30L205 47L160 64Z", "#f3ddb8", "#8a5a00", 4) + path("M192 42L207 47L192 52Z", "#222", "none", 0) + rect(14, 30, 22, 34, "#f29ac0", 'stroke="#8a5a00" stroke-width="4"'));
draw.pen = () => svg(220, 90, path("M20 34H150L200 47L150 60H20Z", "#2767c9", "#12305f", 4) + path("M150 34L200 47L150 60Z", "#cfd8e2", "#12305f", 4) + rect(60, 24, 60, 8, "#12305f", 'rx="4"'));
draw.book = () => svg(200, 150, path("M100 30Q60 8 14 24V128Q60 112 100 134Q140 112 186 128V24Q140 8 100 30Z", "#fff", "#1f66b0", 5) + line(100, 30, 100, 134, "#1f66b0", 4) + each(3, (i) => line(34, 54 + i * 20, 82, 56 + i * 20, "#9fb6cc", 3) + line(118, 56 + i * 20, 166, 54 + i * 20, "#9fb6cc", 3)));
draw.bag = () => svg(180, 190, path("M64 50Q64 12 90 12Q116 12 116 50", "none", "#8a2d1c", 8) + rect(24, 46, 132, 130, "#e2574c", 'rx="26" stroke="#8a2d1c" stroke-width="5"') + rect(46, 104, 88, 56, "#f2887c", 'rx="12" stroke="#8a2d1c" stroke-width="4"') + rect(80, 96, 20, 18, "#f8d31f"));
draw.straight = () => svg(240, 70, rect(10, 14, 220, 42, "#fff6d8", 'stroke="#8a5a00" stroke-width="4" rx="5"') + each(21, (i) => line(20 + i * 10, 14, 20 + i * 10, i % 5 ? 24 : 32, "#333", 2)));
draw.apple = () => svg(180, 180, path("M90 56C40 24 10 70 30 120C46 164 78 168 90 156C102 168 134 164 150 120C170 70 140 24 90 56Z", "#e23b2e", "#8a1d14", 4) + path("M90 56Q88 34 100 18", "none", "#6a4210", 6) + path("M98 36q20-24 44-12q-12 26-44 12Z", "#3b9e4a", "#1f6a2c", 3));
draw.patch = (a) => svg(150, 110, rect(5, 5, 140, 100, a[0], 'rx="16" stroke="#333" stroke-width="3"'));
draw.child = (a) => svg(150, 220, (a[1] === "girl" ? oval(14, 96, 15, 24, "#333", 'transform="rotate(16 14 96)"') + oval(136, 96, 15, 24, "#333", 'transform="rotate(-16 136 96)"') + circle(22, 74, 7, "#f29ac0") + circle(128, 74, 7, "#f29ac0") : "") + path("M30 216Q30 130 75 130Q120 130 120 216Z", a[0] || "#5c9be6", "#333", 4) + circle(75, 80, 52, "#ffe3c2", 'stroke="#333" stroke-width="4"') + path(a[1] === "girl" ? "M22 92Q16 20 75 20Q134 20 128 92Q120 44 75 44Q30 44 22 92Z" : "M24 70Q24 22 75 22Q126 22 126 70Q100 40 75 52Q50 40 24 70Z", "#333", "#333", 3) + circle(56, 84, 5) + circle(94, 84, 5) + path("M58 104Q75 120 92 104", "none", "#c2452d", 4));

// --- science
draw.plant = (a, t) => {                        // 0 seed, 1 root, 2 sprout, 3 leaves, 4 flower, 5 fruit
  const s = moves(a) ? Math.min(number(a, 0, 5), t * 0.6) : number(a, 0, 5), h = Math.max(0, Math.min(1, (s - 1) / 2.5)) * 130, top = 190 - h;
  const grow = (from) => Math.max(0, Math.min(1, s - from));
  const leaf = (y, side, k) => (k > 0 ? group(`translate(120 ${y}) scale(${side * k} ${k})`, path("M0 0Q26-30 62-14Q40 14 0 0Z", "#6ab04a", "#2f6a1f", 3)) : "");
  return svg(240, 270, rect(0, 190, 240, 80, "#b98a5a") + oval(120, 212, 13, 9, "#6a4210") + each(3, (i) => (grow(0) > 0 ? path(`M120 216q${(i - 1) * 16} 16 ${(i - 1) * 30 * grow(0)} ${40 * grow(0)}`, "none", "#f0e0c8", 4) : ""))
    + (h > 0 ? line(120, 208, 120, top, "#4a8a2f", 7) : "") + leaf(170, 1, grow(1.6)) + leaf(170, -1, grow(1.6)) + leaf(140, 1, grow(2.4)) + leaf(116, -1, grow(2.8))
    + (s > 3.5 ? each(5, (i) => { const [x, y] = polar(120, top, 20 * grow(3.5), i / 5); return circle(x, y, 15 * grow(3.5), s > 4.6 ? "#e7c9d6" : "#ee6fa0"); }) + circle(120, top, 10 * grow(3.5), "#f8d31f") : "")
    + (s > 4.4 ? oval(120, top + 4, 16 * grow(4.4), 24 * grow(4.4), "#8fbf4f", 'stroke="#4a7a1f" stroke-width="3"') : ""));
};
draw.shadow = (a, t) => {                       // the sun of hour 6..18, a pole, its shadow (north half)
  const hour = moves(a) ? Math.min(17.2, 6.8 + t * 0.9) : number(a, 0, 9), w = (hour - 6) / 12 * Math.PI, x = 240 - 190 * Math.cos(w), y = 210 - 170 * Math.sin(w);
  const long = Math.max(-190, Math.min(190, (240 - x) / (210 - y) * 70));
  return svg(480, 260, rect(0, 0, 480, 210, "#dff1fd") + rect(0, 210, 480, 50, "#cfe3b0") + path("M50 210A190 170 0 0 1 430 210", "none", "#f2c13b", 2, 'stroke-dasharray="6 8"') + circle(x, y, 24, "#f8b71f")
    + path(`M236 212H244L${(244 + long).toFixed(1)} 232H${(236 + long).toFixed(1)}Z`, "#4a5568", "none", 0) + rect(236, 140, 8, 72, "#8a5a2a") + text(34, 250, "东", 26) + text(446, 250, "西", 26) + text(430, 36, `${Math.floor(hour)}:${hour % 1 >= 0.5 ? "30" : "00"}`, 30));
};
draw.water = (a, t) => {                        // 冰 水 汽: how the parts keep together
  const kind = a[0], p = moves(a) ? t : 1, jar = path("M20 20V180H180V20", "none", "#5c7f99", 6);
  const one = (i) => {
    if (kind === "冰") return [62 + (i % 4) * 26 + 1.5 * Math.sin(p * 9 + i), 90 + Math.floor(i / 4) * 26 + 1.5 * Math.cos(p * 8 + i * 2)];
    if (kind === "水") return [36 + (i % 5) * 32 + 8 * Math.sin(p * 1.6 + i * 2), 104 + Math.floor(i / 5) * 20 + 5 * Math.cos(p * 1.9 + i)];
    return [100 + 70 * Math.sin(p * (0.7 + (i % 3) * 0.2) + i * 2.4), 92 + 76 * Math.cos(p * (0.6 + (i % 4) * 0.15) + i * 1.7)];
  };
  const n = kind === "汽" ? 9 : 16;
  return svg(200, 200, (kind === "冰" ? rect(46, 74, 112, 112, "#dff1fd", 'rx="8"') : kind === "水" ? rect(23, 96, 154, 82, "#dff1fd") : "") + jar + each(n, (i) => dot(...one(i).map((v) => v.toFixed(1)), 10, kind === "冰" ? "#7fb8e6" : kind === "水" ? "#3f8fd6" : "#9fc9ee")));
};
draw.airglass = (a, t) => {                     // a glass pushed mouth-down into water keeps its paper dry
  const p = moves(a) ? ease(t - 0.5, 3) : 1, y = 10 + 88 * p;
  return svg(260, 240, path("M20 60V225H240V60", "none", "#5c7f99", 6) + rect(23, 110, 214, 112, "#a9d6f5") + path(`M80 ${y + 112}V${y}H180V${y + 112}Z`, "#f7fbff", "#36566b", 5) + circle(130, y + 24, 20, "#fff", 'stroke="#a08a5a" stroke-width="4"') + text(130, y + 84, "空气", 24));
};
draw.thermo = (a) => svg(110, 220, rect(42, 10, 26, 160, "#fff", 'rx="13" stroke="#555" stroke-width="3"') + circle(55, 184, 22, "#d2452d") + rect(49, 156 - number(a, 0, 20) * 1.3, 12, 30 + number(a, 0, 20) * 1.3, "#d2452d") + each(6, (i) => line(70, 156 - i * 26, 80, 156 - i * 26, "#333", 2) + text(96, 162 - i * 26, i * 20, 16)));

// --- Chinese: strokes in a 100 by 100 square, in writing order
const HANZI = {
  一: ["M14 52Q50 48 86 50"], 二: ["M26 32Q50 29 74 31", "M12 76Q50 72 88 75"], 三: ["M22 24Q50 21 78 23", "M28 50Q50 47 72 49", "M10 80Q50 76 90 79"],
  十: ["M12 44Q50 40 88 43", "M50 10V92"], 人: ["M50 12Q48 54 12 90", "M50 38Q62 70 90 88"], 大: ["M14 40Q50 36 86 39", "M50 8Q50 58 14 92", "M51 40Q62 72 90 90"],
  木: ["M14 36Q50 32 86 35", "M50 8V94", "M48 37Q36 64 12 80", "M52 37Q66 64 90 80"], 日: ["M28 14V88", "M28 16H72V88", "M30 50H70", "M30 84H70"], 月: ["M32 12Q34 64 16 92", "M32 14H72V84Q72 92 60 88", "M33 38H71", "M32 62H71"],
  山: ["M50 10V80", "M18 40V82H82", "M82 38V84"], 口: ["M24 26V80", "M24 28H76V78", "M26 76H75"], 上: ["M46 12V84", "M48 46H76", "M12 86H90"], 下: ["M12 20H90", "M48 20V92", "M52 44L68 58"],
};
draw.hanzi = (a, t) => {                        // "go" writes it, one stroke in 1.2 s; a number shows that many strokes
  const strokes = HANZI[a[0]], done = moves(a) ? t / 1.2 : number(a, 1, 99);
  return svg(120, 120, rect(5, 5, 110, 110, "#fffdf6", 'stroke="#c2452d" stroke-width="2.5"') + line(5, 60, 115, 60, "#e4a79b", 1.2, 'stroke-dasharray="5 4"') + line(60, 5, 60, 115, "#e4a79b", 1.2, 'stroke-dasharray="5 4"')
    + group("translate(10 10)", strokes.map((d, i) => path(d, "none", "#ddd", 7)).join("") + strokes.map((d, i) => { const p = Math.max(0, Math.min(1, done - i)); return p > 0 ? path(d, "none", p < 1 ? "#d2452d" : "#222", 7, p < 1 ? `pathLength="100" stroke-dasharray="100" stroke-dashoffset="${(100 * (1 - p)).toFixed(1)}"` : "") : ""; }).join("")));
};
const PICTURE = {
  日: circle(60, 60, 40, "none", 'stroke="#222" stroke-width="6"') + circle(60, 60, 6), 月: path("M78 16Q30 30 36 66Q40 98 80 106Q52 84 56 58Q58 34 78 16Z", "none", "#222", 6), 山: path("M8 100L34 50L46 72L62 22L82 72L92 52L114 100Z", "none", "#222", 6),
  水: path("M60 10Q50 36 60 60Q70 86 58 110M34 24Q28 40 36 56M28 70Q24 86 32 100M88 22Q82 40 90 54M92 68Q86 84 94 100", "none", "#222", 6), 火: path("M20 100Q10 66 34 40Q38 56 44 62Q46 30 62 10Q66 40 80 56Q86 48 88 40Q112 70 100 100Z", "none", "#222", 6), 木: path("M60 8V112M60 42Q34 36 26 12M60 42Q86 36 94 12M60 72Q36 84 28 110M60 72Q84 84 92 110", "none", "#222", 6),
  口: path("M14 52Q60 40 106 52Q96 92 60 94Q24 92 14 52Z", "none", "#222", 6), 人: path("M66 10Q60 24 54 40Q44 66 52 112M56 44Q74 52 84 72", "none", "#222", 6),
};
draw.picture = (a) => svg(120, 120, PICTURE[a[0]]);
draw.mouth = (a) => svg(160, 120, oval(80, 60, { a: 44, o: 26, e: 58 }[a[0]], { a: 48, o: 30, e: 16 }[a[0]], "#7a1f2a", 'stroke="#e2707a" stroke-width="14"') + (a[0] === "a" ? oval(80, 88, 24, 12, "#e58f9a") : ""));
draw.fourlines = (a) => svg(200, 130, each(4, (i) => line(10, 20 + i * 30, 190, 20 + i * 30, "#8fb0cc", 2.5)) + `<text x="100" y="80" font-size="58" text-anchor="middle" font-family="Sample Sans">${a[0]}</text>`);
draw.tree = (a) => { const c = { 春: "#9fd06a", 夏: "#2f8a3a", 秋: "#e59a2a" }[a[0]]; return svg(160, 190, rect(70, 110, 20, 74, "#7a4a14") + (c ? circle(80, 66, 46, c) + circle(44, 88, 30, c) + circle(116, 88, 30, c) : path("M80 120L80 30M80 90L40 52M80 78L120 44M60 70L44 76M100 60L112 74", "none", "#7a4a14", 7)) + (a[0] === "春" ? each(7, (i) => circle(46 + (i * 37) % 76, 46 + (i * 23) % 52, 6, "#f29ac0") ) : "") + (a[0] === "冬" ? rect(0, 178, 160, 12, "#e8f1f8") + each(9, (i) => circle(10 + (i * 53) % 150, 10 + (i * 31) % 130, 4, "#a9c9e6")) : "")); };

// --- clockwork: what a page shows at a moment
const shots = () => [...document.querySelectorAll('[data-part=shot]')];
const seconds = (shot) => Number(shot.getAttribute("dur"));
function paint(root, t, force) {
  for (const b of root.querySelectorAll("b[d]")) {
    const words = b.getAttribute("d").split(" "), since = t - Number(b.getAttribute("at") || 0);
    if (!force && !words.includes("go")) continue;
    b.innerHTML = draw[words[0]](words.slice(1), Math.max(0, since));
    if (b.hasAttribute("w")) b.style.width = b.getAttribute("w") + "px";
  }
}
const svgOf = (name, words) => draw[name](words, 99);
function prepare(edition) {                     // edition "1" or "2": elements marked for another go
  for (const e of document.querySelectorAll("[edition]")) if (e.getAttribute("edition") !== edition) e.remove();
  for (const e of document.querySelectorAll("[cue2]")) if (edition === "2") e.setAttribute("cue", e.getAttribute("cue2"));
  paint(document, 99, true);
}
const script = () => shots().map((s) => ({ dur: seconds(s), cue: s.getAttribute("cue") || "", sound: s.getAttribute("sound") || "E5?/0.7 G5?/1", bpm: Number(s.getAttribute("bpm") || 60) }));
function signature(index, t) {                  // equal signatures are equal pictures
  const shot = shots()[index];
  const parts = [...shot.querySelectorAll("[at]")].map((e) => Math.round(10 * Math.max(0, Math.min(1, (t - Number(e.getAttribute("at"))) / 0.4))));
  if (shot.querySelector("b[d~=go]")) parts.push(Math.floor(t * 12.5));
  return index + ":" + parts.join(",");
}
function frames(rate) { return shots().flatMap((s, i) => Array.from({ length: Math.round(seconds(s) * rate) }, (_, f) => [signature(i, f / rate), i, f / rate])); }
function show(index, t) {
  shots().forEach((s, i) => s.classList.toggle("now", i === index));
  const shot = shots()[index], live = Math.floor(t * 12.5) / 12.5;
  paint(shot, live, false);
  for (const e of shot.querySelectorAll("[at]")) {
    const p = Math.round(10 * Math.max(0, Math.min(1, (t - Number(e.getAttribute("at"))) / 0.4))) / 10;
    e.style.opacity = p; e.style.transform = p < 1 ? `translateY(${14 * (1 - p)}px)` : "";
  }
}
