// The sun's way seen towards the south, east on the left; the shadow of a pole on the ground.
(function () {
  "use strict";
  function el(id) { return document.getElementById(id); }
  function clock(h) { var m = Math.round((h % 1) * 60); return Math.floor(h) + ":" + (m < 10 ? "0" : "") + m; }
  function sun(h) { var w = (h - 6) / 12 * Math.PI; return [240 - 190 * Math.cos(w), 210 - 170 * Math.sin(w)]; }
  function way(h) { return h < 11.75 ? "西" : h > 12.25 ? "东" : "正北"; }
  function length(h) {
    // Height of the sun as on an autumn day in Hunan: 55 degrees at noon.
    var high = Math.max(4, 55 * Math.sin((h - 6) / 12 * Math.PI));
    return 10 / Math.tan(high * Math.PI / 180);
  }

  function draw() {
    var h = Number(el("hour").value), s = sun(h), side = Math.max(-200, Math.min(200, (240 - s[0]) / (210 - s[1]) * 70));
    el("sky").innerHTML = '<rect width="480" height="210" fill="#dff1fd"/><rect y="210" width="480" height="50" fill="#cfe3b0"/><path d="M50 210A190 170 0 0 1 430 210" fill="none" stroke="#f2c13b" stroke-width="2" stroke-dasharray="6 8"/>'
      + '<circle cx="' + s[0] + '" cy="' + s[1] + '" r="24" fill="#f8b71f"/>'
      + '<path d="M236 212H244L' + (244 + side) + " 234H" + (236 + side) + 'Z" fill="#4a5568"/><rect x="236" y="140" width="8" height="72" fill="#8a5a2a"/>'
      + '<text x="34" y="252" font-size="24" text-anchor="middle">东</text><text x="446" y="252" font-size="24" text-anchor="middle">西</text>';
    el("say").textContent = clock(h) + "　影子朝" + way(h) + "，长约 " + length(h).toFixed(0) + " 格";
  }

  el("hour").oninput = draw;
  el("note").onclick = function () {
    var h = Number(el("hour").value), row = el("notes").insertRow(-1);
    [clock(h), way(h), length(h).toFixed(0)].forEach(function (words) { row.insertCell(-1).textContent = words; });
  };
  el("clear").onclick = function () { while (el("notes").rows.length > 1) { el("notes").deleteRow(1); } };
  draw();
}());
