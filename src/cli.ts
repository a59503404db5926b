#!/usr/bin/env node
// Loads nothing before it knows that this Node can run it.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 18 || (major === 18 && minor < 3)) {
  process.stderr.write(
    `atxp-redis needs Node 18.3 or later, and this is ${process.version}. The library itself runs on Node 16.\n`,
  )
  process.exitCode = 1
} else {
  void import('./cli/process.js').then(({ runProcess }) => runProcess())
}
