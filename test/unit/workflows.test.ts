import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Step {
  uses?: string
  run?: string
  with?: Record<string, unknown>
  env?: Record<string, string>
}

interface Job {
  if?: string
  needs?: string | string[]
  permissions?: Record<string, string>
  steps: Step[]
}

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const read = (path: string) => readFileSync(at(path), 'utf8')

const files = readdirSync(at('.github/workflows')).map((name) => {
  const text = read(`.github/workflows/${name}`)
  const workflow = parse(text) as { permissions: unknown; jobs: Record<string, Job> }
  return { name, text, workflow }
})
const jobs = files.flatMap(({ name, workflow }) =>
  Object.entries(workflow.jobs).map(([id, job]) => ({ id: `${name}: ${id}`, job })),
)
const steps = jobs.flatMap(({ id, job }) => job.steps.map((step) => ({ id, step })))
const release = files.find(({ name }) => name === 'release.yml')?.workflow.jobs ?? {}

const runsOf = ({ steps }: Job) => steps.flatMap(({ run }) => (run === undefined ? [] : [run]))
const needsOf = ({ needs = [] }: Job) => [needs].flat()

describe('every workflow', () => {
  it.each(files.map(({ name, workflow }) => [name, workflow] as const))(
    'gives no rights but those that a job asks for: %s',
    (_, { permissions, jobs }) => {
      expect(permissions).toEqual({})
      for (const job of Object.values(jobs))
        expect(Object.keys(job.permissions ?? {})).not.toEqual([])
    },
  )

  it.each(files.map(({ name, text }) => [name, text] as const))(
    'names an action by the commit of a version: %s',
    (_, text) => {
      const uses = text.split('\n').filter((line) => /^\s*(- )?uses:/.test(line))
      expect(uses).not.toEqual([])
      for (const line of uses) {
        expect(line).toMatch(/uses: [\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
      }
    },
  )

  it('names one commit for each action', () => {
    const pins = new Set(
      files.flatMap(({ text }) => text.match(/[\w.-]+\/[\w.-]+@[0-9a-f]{40}.*/g) ?? []),
    )
    const actions = [...pins].map((pin) => pin.split('@')[0])
    expect(actions).toEqual([...new Set(actions)])
  })

  it('leaves no credentials in the checkout', () => {
    const checkouts = steps.filter(({ step }) => step.uses?.startsWith('actions/checkout@'))
    for (const { step } of checkouts) expect(step.with?.['persist-credentials']).toBe(false)
  })

  it('hands values to a shell by the environment, never as text of its script', () => {
    for (const { step } of steps) expect(step.run ?? '').not.toContain('${{')
  })
})

it.each([
  'dependabot.yml',
  ...readdirSync(at('.github/ISSUE_TEMPLATE')).map((name) => `ISSUE_TEMPLATE/${name}`),
])('GitHub can read .github/%s', (name) => {
  expect(Object.keys(parse(read(`.github/${name}`)) as object)).not.toEqual([])
})

describe('a job that may write, or has a secret,', () => {
  const privileged = jobs.filter(({ job }) => {
    const mayWrite = Object.values(job.permissions ?? {}).includes('write')
    return mayWrite || JSON.stringify(job).includes('secrets.')
  })

  it('is one of the release, or publishes the site', () => {
    expect(privileged.map(({ id }) => id)).toEqual([
      'release.yml: publish',
      'release.yml: notes',
      'site.yml: publish',
    ])
  })

  it.each(privileged.map(({ id, job }) => [id, job] as const))(
    'has no checkout, installs nothing and runs no script: %s',
    (_, job) => {
      for (const { uses = '' } of job.steps) expect(uses).not.toMatch(/^actions\/checkout/)
      for (const run of runsOf(job)) {
        expect(run).toMatch(/^(printf .* \| sha256sum|npm publish|gh release create) /)
        expect(run).not.toContain('\n')
      }
    },
  )

  it.each(privileged.map(({ id, job }) => [id, job] as const))(
    'verifies the checksums of what it was handed before all else that it runs: %s',
    (_, job) => {
      const [first] = job.steps.filter(({ run }) => run !== undefined)
      expect(first?.run).toBe('printf \'%s\\n\' "$SUMS" | sha256sum --check --strict')
      expect(first?.env?.SUMS).toMatch(/^\$\{\{ needs\.pack\.outputs\.sums \}\}$/)
    },
  )
})

describe('a release', () => {
  it('may ask for a provenance statement in the job that publishes, and nowhere else', () => {
    const asking = jobs.filter(({ job }) => 'id-token' in (job.permissions ?? {}))
    const others = asking.filter(({ job }) => !('pages' in (job.permissions ?? {})))
    expect(others.map(({ id }) => id)).toEqual(['release.yml: publish'])
    expect(others[0]?.job.permissions).toEqual({ 'id-token': 'write' })
  })

  it('publishes the tarball that was packed and tested, without scripts and with provenance', () => {
    const { pack, test, publish } = release
    expect(runsOf(pack as Job)).toContain('npm run pack -- release')
    const tested = test?.steps.find(({ run }) => run === '.ci/run')
    expect(tested?.env?.PACKAGE_TARBALL).toContain('needs.pack.outputs.tarball')
    expect(needsOf(publish as Job)).toEqual(['pack', 'test'])
    const published = publish?.steps.at(-1)
    expect(published?.env?.TARBALL).toMatch(/^\$\{\{ needs\.pack\.outputs\.tarball \}\}$/)
    expect(published?.run).toBe(
      'npm publish "./release/$TARBALL" --ignore-scripts --provenance --access public',
    )
  })

  it('restores no cache that another run has written', () => {
    for (const { steps } of Object.values(release)) {
      for (const step of steps.filter(({ uses }) => uses?.startsWith('actions/setup-node@'))) {
        expect(step.with).toMatchObject({ 'package-manager-cache': false })
        expect(step.with).not.toHaveProperty('cache')
      }
    }
  })
})

describe('the site', () => {
  const { pack, publish } = files.find(({ name }) => name === 'site.yml')?.workflow.jobs ?? {}

  it('is built without rights, and published from main alone', () => {
    expect(pack?.permissions).toEqual({ contents: 'read' })
    expect(runsOf(pack as Job)).toContain('npm test -- site')
    expect(publish?.permissions).toEqual({ pages: 'write', 'id-token': 'write' })
    expect(publish?.if).toBe("github.event_name == 'push'")
  })
})

describe('what is downloaded', () => {
  const locked = ['.', 'scripts/downloads', 'scripts/next', 'scripts/site']
  it.each(locked.map((one) => `${one}/package-lock.json`))(
    'is held by its integrity: %s',
    (path) => {
      const { packages } = JSON.parse(read(path)) as {
        packages: Record<string, { integrity?: string; link?: boolean }>
      }
      const others = Object.entries(packages).filter(([name, { link }]) => name !== '' && !link)
      expect(others.length).toBeGreaterThan(5)
      for (const [name, { integrity }] of others)
        expect([name, integrity]).toEqual([name, expect.stringMatching(/^sha512-/)])
    },
  )
})
