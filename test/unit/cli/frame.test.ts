import { expect, test } from 'vitest'
import { Screen } from '../../../src/cli/screen.js'

async function frame(columns: number, names: string[], rows: string[][]): Promise<string[]> {
  let shown = ''
  const stdout = {
    isTTY: true,
    rows: 24,
    columns,
    write: (text: string): boolean => {
      shown += text
      return true
    },
    once: () => undefined,
  }
  const screen = new Screen({ stdout, stderr: stdout, env: { NO_COLOR: '1' } } as never, false)
  await screen.frame(names, rows)
  return shown.replace('\r\u001b[J', '').trimEnd().split('\n')
}

const NAMES = ['PROCESS', 'WAITS/S']

test('no line of a frame is wider than the terminal, and a long name leaves the numbers their room', async () => {
  const rows = [
    ['\u6f22'.repeat(80), '1'],
    ['payments-worker-7d9f8b6c5d-x2x4z 1', '2'],
    ['web-1 4242', '3'],
  ]
  expect(await frame(40, NAMES, rows)).toEqual([
    'PROCESS                         WAITS/S',
    `..${'?'.repeat(28)}  1`,
    '..ts-worker-7d9f8b6c5d-x2x4z 1  2',
    'web-1 4242                      3',
  ])
})

test('a terminal that is narrower than the numbers shows what it can', async () => {
  const lines = await frame(10, NAMES, [['web-1 4242', '3']])
  expect(lines).toEqual(['PROCESS  ', '..1 4242'])
})
