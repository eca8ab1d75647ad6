// Three duties: no page is left behind on a shared device, no draft is lost, and htmx is fetched
// late. Written for old phones: no syntax younger than 2015.
(() => {
  const root = document.documentElement, one = (selector) => document.querySelector(selector);
  const idle = (root.dataset.idle || '').split(' ');
  let seen = Date.now(), shifts = 0;

  const keepDraft = () => {
    const box = one('textarea'), draft = one('#saved');
    if (!box || !draft || box.value === box.defaultValue) return;
    box.defaultValue = box.value;
    navigator.sendBeacon(draft.dataset.hxPost, new URLSearchParams(new FormData(box.form)));
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

  const offline = (shown) => { const note = one('#off'); if (note) note.hidden = !shown; };
  document.addEventListener('htmx:before:request', () => offline(false));
  document.addEventListener('htmx:error', () => offline(true));
  document.addEventListener('htmx:response:error', (event) => offline(!/4[12]/.test(event.detail.ctx.response.status)));
  document.addEventListener('htmx:after:request', () => { seen = Date.now(); });

  const slow = navigator.connection && /2g/.test(navigator.connection.effectiveType);
  if (!slow && one('[data-hx-post],[data-hx-get]')) addEventListener('load', () => setTimeout(() => {
    const config = document.createElement('meta'), script = document.createElement('script');
    config.name = 'htmx-config';
    config.content = '{"defaultTimeout":300000,"history":false,"includeIndicatorCSS":false,"noSwap":[204,304,"40x","5xx"]}';
    script.src = 'asset:vendor/htmx.min.js';
    document.head.append(config, script);
  }, 1));
})();
