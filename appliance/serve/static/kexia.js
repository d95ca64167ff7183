/* Comfort only: every page works without this file. Old syntax for old tablets. */
(function () {
  "use strict";
  var each = function (list, use) { Array.prototype.forEach.call(list, use); };

  /* Suggestions below the search box. */
  var input = document.querySelector(".find input"), list = document.getElementById("suggestions");
  if (input && list && window.fetch) {
    var asked = "", timer;
    input.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () {
        var text = input.value.trim();
        if (!text || text === asked) { return; }
        asked = text;
        fetch("/api/v1/suggest?q=" + encodeURIComponent(text)).then(function (answer) {
          return answer.ok ? answer.json() : { suggestions: [] };
        }).then(function (found) {
          if (text !== asked) { return; }
          list.textContent = "";
          found.suggestions.forEach(function (item) {
            var option = document.createElement("option");
            option.value = item;
            list.appendChild(option);
          });
        }).catch(function () {});
      }, 150);
    });
  }

  /* Of the week's lessons those that are on, and the next ones today, by the tablet's own clock. */
  var two = function (number) { return (number < 10 ? "0" : "") + number; };
  var periods = document.querySelectorAll(".week .period");
  var look = function () {
    var date = new Date(), today = String(date.getDay() || 7), next = "";
    var clock = two(date.getHours()) + ":" + two(date.getMinutes());
    each(periods, function (period) {
      var from = period.getAttribute("data-from"), to = period.getAttribute("data-to");
      var ours = period.getAttribute("data-day") === today;
      var on = ours && from <= clock && clock < to;
      if (ours && !next && clock < from) { next = from; }
      period.hidden = !on && !(ours && from === next);
      period.className = on ? "period is-on" : "period is-next";
    });
    each(document.querySelectorAll("[data-column]"), function (cell) {
      var ours = cell.getAttribute("data-column") === today;
      cell.className = ours ? "today" : "";
      if (cell.tagName === "TH" && ours) { cell.setAttribute("aria-current", "date"); }
      else { cell.removeAttribute("aria-current"); }
    });
  };
  look();
  if (periods.length || document.querySelector("[data-column]")) { setInterval(look, 20000); }

  /* A video goes on where it was left. */
  each(document.querySelectorAll("video[data-remember]"), function (video) {
    var key = "at-" + video.getAttribute("data-remember"), last = 0;
    var store = function (value) {
      try { if (value) { localStorage.setItem(key, value); } else { localStorage.removeItem(key); } }
      catch (error) { /* full or forbidden: then not */ }
    };
    video.addEventListener("loadedmetadata", function () {
      var at = 0;
      try { at = Number(localStorage.getItem(key)) || 0; } catch (error) { at = 0; }
      if (at > 5 && at < video.duration * 0.95 && video.currentTime === 0) { video.currentTime = at; }
    });
    video.addEventListener("timeupdate", function () {
      if (Math.abs(video.currentTime - last) > 5) { last = video.currentTime; store(Math.floor(last)); }
    });
    video.addEventListener("ended", function () { store(0); });
  });

  /* The reader: arrow keys and swipes turn the page, the next page is fetched before it is wanted. */
  var page = document.getElementById("page");
  if (page) {
    var turn = function (rel) {
      var link = document.querySelector(".flip a[rel=" + rel + "]");
      if (link) { location.href = link.href; }
    };
    document.addEventListener("keydown", function (event) {
      if (event.key === "ArrowRight" || event.key === "PageDown") { turn("next"); }
      if (event.key === "ArrowLeft" || event.key === "PageUp") { turn("prev"); }
    });
    var from = null;
    document.addEventListener("touchstart", function (event) {
      from = event.touches.length === 1 ? event.touches[0] : null;
    }, { passive: true });
    document.addEventListener("touchend", function (event) {
      var to = event.changedTouches[0];
      if (from && Math.abs(to.clientX - from.clientX) > 80 && Math.abs(to.clientY - from.clientY) < 50) {
        turn(to.clientX < from.clientX ? "next" : "prev");
      }
    }, { passive: true });
    var ahead = function () {
      if (!document.querySelector(".flip a[rel=next]")) { return; }
      new Image().src = page.currentSrc.replace(/\/(\d+)-(\d+)\.jpg$/, function (all, number, width) {
        return "/" + (Number(number) + 1) + "-" + width + ".jpg";
      });
    };
    if (page.complete) { ahead(); } else { page.addEventListener("load", ahead); }
  }
}());
