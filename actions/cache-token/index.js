// The runner gives the token of its cache to JavaScript actions and to no run step.
// As outputs, not as variables of the job, only the step that is handed them has them.
const { appendFileSync } = require('node:fs');

const { ACTIONS_RUNTIME_TOKEN: token = '', ACTIONS_RESULTS_URL: url = '', GITHUB_OUTPUT: file } = process.env;
if (!token || !url || /[\r\n]/.test(token + url)) {
  console.log('::error title=cache-token::this runner gives no token for a cache');
  process.exitCode = 1;
} else {
  console.log(`::add-mask::${token}`);
  appendFileSync(file, `token=${token}\nurl=${url}\n`);
}
