// Three duties: no page is left behind on a shared device, no draft is lost, and htmx is fetched
// late. Written for old phones: no syntax younger than 2015.
(() => {
  const root = document.documentElement, one = (selector) => document.querySelector(selector);
  const all = (selector) => [].slice.call(document.querySelectorAll(selector));
  const idle = (root.dataset.idle || '').split(' ');
  let seen = Date.now(), shifts = 0;

  // What was typed since the server last said that it has everything is a draft: also before now.
  let saved = 0, typed = +all('textarea,input').some((box) =>
    box.value !== box.defaultValue || box.checked !== box.defaultChecked);
  addEventListener('input', () => typed++);
  const keepDraft = () => {
    const draft = one('#saved');
    if (typed === saved || !draft) return;
    saved = typed;
    fetch(draft.dataset.hxPost, {
      method: 'POST', keepalive: true, headers: {'HX-Request': 'true'},
      body: new URLSearchParams(new FormData(draft.parentNode))
    }).catch(() => {});
  };
  const leave = (url) => { keepDraft(); root.hidden = true; location.replace(url); };
  const checkIdle = () => { if (idle[1] && Date.now() - seen > idle[0] * 1000) leave(idle[1]); };

  // Browsers keep whole pages in memory for Back. Hidden when left, fetched anew when shown again.
  addEventListener('pagehide', () => { keepDraft(); root.hidden = true; });
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.replace(location.pathname + location.search);
  });
  setInterval(checkIdle, 5000);
  document.addEventListener('visibilitychange', checkIdle);

  one('#x').onclick = (event) => { event.preventDefault(); leave(event.target.href); };
  addEventListener('keydown', (event) => {
    shifts = event.key === 'Shift' && !event.repeat ? shifts + 1 : 0;
    if (shifts > 2) leave(one('#x').href);
  });

  const offline = (shown) => { const box = one('#off'); if (box) box.hidden = !shown; };
  document.addEventListener('htmx:before:request', (event) => {
    const sent = event.detail.ctx;
    // What the server does not read costs time on the way up.
    ['Current-URL', 'Request-Type', 'Source', 'Target'].forEach((name) => {
      delete sent.request.headers['HX-' + name];
    });
    sent.typed = typed;
    offline(false);
    if (event.target.tagName !== 'FORM') return;
    one('#saved').textContent = '';
    sent.box = one('#text');
    sent.words = sent.box && sent.box.value;
  });
  document.addEventListener('htmx:error', () => offline(true));
  document.addEventListener('htmx:response:error', (event) => offline(event.detail.ctx.response.status !== 422));
  document.addEventListener('htmx:after:request', (event) => {
    const sent = event.detail.ctx;
    seen = Date.now();
    if (sent.request.body && sent.response.status < 400) saved = sent.typed;
  });
  // A day is named once, also where two pieces of the conversation meet.
  document.addEventListener('htmx:after:swap', (event) => {
    // What was typed while a send was on its way goes on in the new box, without what was sent.
    const sent = event.detail.ctx, old = sent.box, box = one('#text');
    if (old && old !== box && old.value !== sent.words) {
      box.value = sent.response.status < 400 ? old.value.replace(sent.words, '').trim() : old.value;
      box.dispatchEvent(new Event('input', {bubbles: true}));
    }
    let day;
    all('#m h2').forEach((heading) => {
      if (heading.textContent === day) heading.parentNode.remove();
      day = heading.textContent;
    });
    // Once an answer is there, what came before it is not "received" any more, nor taken back.
    let answered;
    all('#m li').reverse().forEach((line) => {
      const back = line.querySelector('.l');
      answered = answered || !line.className;
      if (!answered || line.className !== 'u') return;
      if (back) back.remove();
      line.childNodes[1].data = line.childNodes[1].data.replace(/ ·.*/, '');
    });
  });

  const slow = navigator.connection && /2g/.test(navigator.connection.effectiveType);
  if (!slow && one('[data-hx-post],[data-hx-get]')) addEventListener('load', () => setTimeout(() => {
    const config = document.createElement('meta'), script = document.createElement('script');
    config.name = 'htmx-config';
    config.content = '{"defaultTimeout":300000,"history":false,"includeIndicatorCSS":false,"noSwap":[204,304,"40x","41x",429,"5xx"]}';
    script.src = 'asset:vendor/htmx.min.js';
    // What was typed while it was on its way is a draft, too.
    script.onload = () => setTimeout(() => {
      if (typed !== saved) one('#saved').parentNode.dispatchEvent(new Event('input', {bubbles: true}));
    }, 9);
    document.head.append(config, script);
  }, 1));
})();
