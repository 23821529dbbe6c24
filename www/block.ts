// askfirst-block.js: holds what page scripts send to listed hosts, for sites that can't mark every tag (FIELD 18, 27).
// A classic script that stands before the loader; docs/blocking.md says what it does and what no script can do.
//
// Elements become gated ones, which the loader releases in order. Requests are refused: their caller waits for an answer,
// and a library that gets an error tries again or gives up, while one that gets none hangs.
import { installElements } from './block/elements';
import { installHtml } from './block/html';
import { installRequests } from './block/requests';
import { readRules, Rules } from './block/rules';

const list = document.currentScript?.dataset.block;
const rules = new Rules(readRules(list || ''));
if (!list?.trim()) console.warn('askfirst: askfirst-block.js has no data-block and holds nothing');
else {
  const elements = installElements(rules);
  installHtml(rules, elements);
  installRequests(rules);
}
