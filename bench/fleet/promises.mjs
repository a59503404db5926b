/** Rows of docs/guarantees.md, each with the name of the run that shows it. */

/** At a server that only says 401. */
export const MISHAPS = {
  header: ['All processes at once …', 'Together they make'],
  rows: [
    {
      cells: ['meet an expired access token', '1 refresh'],
      run: 'all meet an expired access token, at a server that only says 401',
    },
    {
      cells: ['start on an empty database', '1 registration, 1 login'],
      run: 'all start on an empty database, at a server that only says 401',
    },
    {
      cells: ['meet an expired access token and a forgotten client', '1 registration, 1 login'],
      run: 'the client is forgotten, at a server that only says 401',
    },
    {
      cells: ['the same, without a refresh token', '1 registration, 1 login'],
      run: 'the client is forgotten and nobody has a refresh token, at a server that only says 401',
    },
    {
      cells: ['meet an expired access token and a refused refresh token', '1 login'],
      run: 'the refresh token is refused, at a server that only says 401',
    },
  ],
}

const row = (who, what, then, run) => ({ cells: [who, what, then], run })

/** Every moment at which something can fail. */
export const MOMENTS = {
  header: ['Who, and when', 'What fails', 'What happens'],
  rows: [
    row('a process that waits', 'dies', 'the others go on', 'a process that waits is killed'),
    row(
      '',
      'stalls for 6 s',
      'it is answered when it resumes',
      'a process that waits stands still for 6 s',
    ),
    row(
      'the refreshing process, with the lease',
      'dies',
      'another takes over after 5 s',
      'the refresher is killed with the lease taken, before it marks',
    ),
    row(
      '',
      'stalls for 6 s',
      'it takes the lease back, or waits for its turn',
      'the refresher stands still for 6 s with its mark on the way',
    ),
    row(
      'with the token marked',
      'dies',
      'another takes over after 15 s',
      'the refresher is killed with the token marked, before it sends',
    ),
    row(
      '',
      'stalls for 6 s',
      'it checks the lease before it sends',
      'the event loop of the refresher is blocked for 6 s right before it sends',
    ),
    row(
      'with the token sent',
      'dies; the server has not acted',
      'another takes over after 15 s',
      'the refreshing process is killed before the server acted',
    ),
    row(
      'with the token sent or answered',
      'dies; the server has acted',
      'after 15 s another sends the spent token: revoked, one login in the same call',
      'the refreshing process is killed after the server acted',
    ),
    row(
      '',
      'stalls for 6 s',
      'the others wait for what it saves',
      'the refresher stands still for 6 s after the server has acted',
    ),
    row(
      '',
      'stalls for over 15 s',
      'as if it died; its late answer is not saved',
      'the refreshing process stalls and comes back late',
    ),
    row(
      'with the new pair saved',
      'dies',
      'the others read the record. Without rotation, a refresh within 85 s waits 10 s',
      'the refresher is killed with the new pair saved',
    ),
    row(
      'a process that logs in',
      'stalls for over 5 s',
      'another logs in; when the first resumes, its login works too',
      'the process that logs in stands still, at a server that only says 401',
    ),
    row(
      'Redis, while a process logs in',
      'hangs for 2.5 s',
      'the others wait on, and use what it saves',
      'Redis hangs while one process logs in and the others wait, at a server that only says 401',
    ),
    row(
      'Redis, with the token sent',
      'restarts',
      'calls fail; the new pair is saved afterwards',
      'Redis is killed during a refresh',
    ),
    row('', 'hangs for 2 s', 'the same', 'Redis hangs during a refresh'),
    row(
      '',
      'hangs for 6 s; others call late in it',
      'they wait for the new pair',
      'Redis hangs for 6000 ms during a refresh, and peers call late in the hang',
    ),
    row(
      '',
      'hangs for 6 s; others connect after it',
      'the same',
      'processes first connect after 6 s in which Redis was hung',
    ),
    row(
      '',
      'is down for 6 s; others connect after it',
      'the same',
      'processes first connect after 6 s in which Redis was gone',
    ),
    row(
      '',
      'is down for 6 s; the server needs 12 s',
      'the same',
      'Redis is away for 6 s, and the authorization server needs 12',
    ),
    row(
      '',
      'is down for 8 s',
      'the call fails; the pair is saved when Redis is back',
      'Redis is away for longer than the refreshing call waits',
    ),
    row(
      '',
      'the same; all call when it is back',
      'the same',
      'all call in the moment that Redis is back from so long',
    ),
    row(
      'the network, with the token sent',
      'drops all packets for 6.5 s',
      'the same',
      'the packets of all are lost for 6500 ms',
    ),
    row(
      '',
      "drops the refreshing process' for 6.5 s",
      'the same',
      'only the refresher loses Redis, for 6500 ms',
    ),
    row(
      '',
      'holds all for 5.5 s, and its for 9',
      'the same',
      'the network of the refresher comes back later than that of the others',
    ),
    row(
      '',
      'drops one socket; its `commandTimeout` is 10 s',
      'the others wait longer for this mark',
      'one socket of a process with a commandTimeout of 10 s is half-open, and others have 2000 ms',
    ),
    row(
      'the authorization server',
      'fails once: 5xx, 429, no answer',
      'that call fails; after 1 s one that waits sends the token again',
      'a refresh is answered 503 once',
    ),
    row(
      '',
      'fails for 6 s',
      'it [rests](#a-failing-authorization-server-rests): 2 to 4 requests in all',
      'the authorization server answers 503 for six seconds',
    ),
    row(
      '',
      'fails once although it acted',
      'the next sends the spent token: revoked, one login',
      'a refresh is answered 503 once, after the server acted',
    ),
    row(
      '',
      'refuses the token',
      'the record is removed; one login',
      'the refresh token is refused',
    ),
    row(
      '',
      'has forgotten the client',
      'the registration is removed; one registration, one login',
      'the authorization server has forgotten the client',
    ),
  ],
}
