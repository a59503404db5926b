process.stdout.write(`${process.memoryUsage.rss()}\n`)
