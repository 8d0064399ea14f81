// A composite action has no post step, and only the runner's own machines are
// thrown away after a job. This file is both: main leaves a mark, post finds it.
const { spawnSync } = require('node:child_process');
const { appendFileSync } = require('node:fs');
const { join } = require('node:path');

if (!process.env.STATE_post) {
  appendFileSync(process.env.GITHUB_STATE, 'post=true\n');
} else {
  const bootstrap = join(__dirname, '..', 'lib', 'bootstrap.sh');
  const down = spawnSync('bash', [bootstrap, 'platform', 'down', `--name=${process.env.INPUT_NAME}`], { stdio: 'inherit' });
  process.exitCode = down.status ?? 1;
}
