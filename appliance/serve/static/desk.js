/* Comfort for /stick and /send: both work without it. Old syntax for old phones. */
(function () {
  "use strict";

  /* /stick looks again by itself, but not while nobody sees it. */
  var fresh = document.getElementById("fresh");
  var look = function () {
    if (document.hidden) { later(); return; }
    var ask = new XMLHttpRequest();
    ask.open("GET", location.pathname);
    ask.responseType = "document";
    ask.timeout = 20000;
    ask.onload = function () {
      var next = ask.response && ask.response.getElementById("fresh");
      if (ask.status === 200 && next) {
        if (fresh.innerHTML !== next.innerHTML) { fresh.innerHTML = next.innerHTML; }
        fresh.setAttribute("data-again", next.getAttribute("data-again"));
      }
      later();
    };
    ask.onerror = ask.ontimeout = later;
    ask.send();
  };
  var later = function () { setTimeout(look, Number(fresh.getAttribute("data-again")) * 1000); };
  if (fresh) { later(); }

  /* /send: part by part, and on after every broken connection. */
  var form = document.getElementById("send");
  if (!form || !window.File || !File.prototype.slice) { return; }
  var told = document.getElementById("told"), input = form.querySelector("input[type=file]");
  var button = form.querySelector("button"), bar = told.querySelector("progress");
  var words = function (name) { return form.getAttribute("data-" + name); };
  var part = Number(words("part")), head = Number(words("head"));

  var say = function (what, todo, percent) {
    told.hidden = false;
    told.querySelector(".what").textContent = what;
    told.querySelector(".do").textContent = todo || "";
    if (percent !== undefined) {
      bar.value = percent;
      told.querySelector(".far span").textContent = Math.floor(percent) + " %";
    }
  };

  /* One request; done(status, request), status 0 if the connection broke. */
  var request = function (method, address, headers, body, done, moved) {
    var ask = new XMLHttpRequest(), name;
    ask.open(method, address);
    ask.setRequestHeader("X-Kexia-Token", words("token"));
    for (name in headers) { ask.setRequestHeader(name, headers[name]); }
    ask.timeout = 180000;
    if (moved && ask.upload) { ask.upload.onprogress = function (event) { moved(event.loaded); }; }
    ask.onload = function () { done(ask.status, ask); };
    ask.onerror = ask.ontimeout = ask.onabort = function () { done(0, ask); };
    ask.send(body);
  };

  var refused = function (answer) {
    var value = {};
    try { value = JSON.parse(answer.responseText); } catch (error) { value = {}; }
    say(value.message || answer.status, value["do"]);
    told.className = "p-problem";
    button.disabled = input.disabled = false;
  };

  var send = function (file) {
    var address = "", broken = 0, best = 0;
    var percent = function (offset) { return file.size ? offset * 100 / file.size : 0; };
    var again = function () {
      broken += 1;
      say(words("waiting"), "");
      setTimeout(address ? where : begin, Math.min(30000, 500 * Math.pow(2, Math.min(broken, 6))));
    };
    /* What cannot be helped by trying again ends it. */
    var isFinal = function (status) {
      return status >= 400 && status !== 408 && status !== 409 && status !== 429 && status < 500
        || status === 507;
    };
    var begin = function () {
      request("POST", "/api/v1/uploads", {
        "Upload-Length": String(file.size), "Upload-Name": encodeURIComponent(file.name)
      }, file.slice(0, head), function (status, answer) {
        if (status === 200 || status === 201) {
          address = answer.getResponseHeader("Location");
          go(Number(answer.getResponseHeader("Upload-Offset")));
        } else if (isFinal(status) || status === 429) { refused(answer); } else { again(); }
      });
    };
    var where = function () {
      request("HEAD", address, {}, null, function (status, answer) {
        if (status === 200) { go(Number(answer.getResponseHeader("Upload-Offset"))); }
        else if (status === 404) { address = ""; again(); } else { again(); }
      });
    };
    var go = function (offset) {
      if (offset > best) { best = offset; broken = 0; }
      say(words("sending"), "", percent(offset));
      if (offset >= file.size) { watch(); return; }
      var end = Math.min(offset + part, file.size);
      request("PATCH", address, {
        "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream"
      }, file.slice(offset, end), function (status, answer) {
        if (status === 204) { go(Number(answer.getResponseHeader("Upload-Offset"))); }
        else if (status === 404) { address = ""; again(); }
        else if (isFinal(status)) { refused(answer); } else { again(); }
      }, function (loaded) { say(words("sending"), "", percent(offset + loaded)); });
    };
    /* It is whole: show what the box makes of it. */
    var watch = function () {
      request("GET", address, {}, null, function (status, answer) {
        var value;
        if (status === 404) { location.href = "/stick"; return; }
        if (status === 200) {
          try { value = JSON.parse(answer.responseText); } catch (error) { value = null; }
        }
        if (value) {
          say(value.what, value["do"], value.stage === "ended" ? 100 : value.percent);
          told.className = "p-" + value.phase;
          if (value.stage === "ended") { button.disabled = input.disabled = false; return; }
        }
        setTimeout(watch, 2000);
      });
    };
    begin();
  };

  form.addEventListener("submit", function (event) {
    var file = input.files && input.files[0];
    if (!file) { return; }
    event.preventDefault();
    if (!file.size) { say(words("small"), ""); return; }
    button.disabled = input.disabled = true;
    told.className = "";
    say(words("sending"), "", 0);
    send(file);
  });
}());
