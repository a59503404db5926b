// An OAuthDb in one SQLite file, with the tables of the SDK's `@atxp/sqlite` and without its code. It ends access tokens in
// whole seconds, as databases do whose clock has no finer ones.
import Database from 'libsql'
import type {
  AccessToken,
  ClientCredentials,
  OAuthDb,
  PKCEValues,
} from '../../../src/leaves/contract.js'

const TABLES = `
  CREATE TABLE IF NOT EXISTS oauth_client_credentials (
    resource_url TEXT PRIMARY KEY, encrypted_client_id TEXT, encrypted_client_secret TEXT, redirect_uri TEXT
  );
  CREATE TABLE IF NOT EXISTS oauth_pkce_values (
    user_id TEXT, state TEXT, encrypted_code_verifier TEXT, encrypted_code_challenge TEXT, resource_url TEXT, url TEXT,
    PRIMARY KEY (user_id, state)
  );
  CREATE TABLE IF NOT EXISTS oauth_access_tokens (
    user_id TEXT, url TEXT, resource_url TEXT, encrypted_access_token TEXT, encrypted_refresh_token TEXT, expires_at TEXT,
    PRIMARY KEY (user_id, url)
  );
`

export class SqliteOAuthDb implements OAuthDb {
  readonly #db: Database.Database

  /** Another handle on the file, which is made if it is not there. */
  constructor(file: string) {
    this.#db = new Database(file)
    // A test's file need not outlive the machine.
    this.#db.exec('PRAGMA synchronous = OFF')
    this.#db.exec(TABLES)
  }

  async getClientCredentials(url: string): Promise<ClientCredentials | null> {
    return this.#row<ClientCredentials>(
      `SELECT encrypted_client_id AS clientId, encrypted_client_secret AS clientSecret, redirect_uri AS redirectUri
       FROM oauth_client_credentials WHERE resource_url = ?`,
      url,
    )
  }

  async saveClientCredentials(url: string, credentials: ClientCredentials): Promise<void> {
    const { clientId, clientSecret, redirectUri } = credentials
    this.#save('oauth_client_credentials', [url, clientId, clientSecret, redirectUri])
  }

  /** Reads them and removes them in one statement, so that one reader gets them. */
  async getPKCEValues(user: string, state: string): Promise<PKCEValues | null> {
    return this.#row<PKCEValues>(
      `DELETE FROM oauth_pkce_values WHERE user_id = ? AND state = ? RETURNING
         encrypted_code_verifier AS codeVerifier, encrypted_code_challenge AS codeChallenge, resource_url AS resourceUrl, url`,
      user,
      state,
    )
  }

  async savePKCEValues(user: string, state: string, values: PKCEValues): Promise<void> {
    const { codeVerifier, codeChallenge, resourceUrl, url } = values
    this.#save('oauth_pkce_values', [user, state, codeVerifier, codeChallenge, resourceUrl, url])
  }

  async getAccessToken(user: string, url: string): Promise<AccessToken | null> {
    return this.#row<AccessToken>(
      `SELECT encrypted_access_token AS accessToken, encrypted_refresh_token AS refreshToken, resource_url AS resourceUrl,
         CAST(expires_at AS INTEGER) AS expiresAt
       FROM oauth_access_tokens
       WHERE user_id = ? AND url = ? AND (expires_at IS NULL OR CAST(expires_at AS INTEGER) > unixepoch())`,
      user,
      url,
    )
  }

  async saveAccessToken(user: string, url: string, token: AccessToken): Promise<void> {
    const { resourceUrl, accessToken, refreshToken = null, expiresAt } = token
    const expires = expiresAt === undefined ? null : String(expiresAt)
    this.#save('oauth_access_tokens', [user, url, resourceUrl, accessToken, refreshToken, expires])
  }

  async close(): Promise<void> {
    if (this.#db.open) this.#db.close()
  }

  /** The columns of the only row, without those that are NULL. */
  #row<T>(sql: string, ...parameters: string[]): T | null {
    const statement = this.#db.prepare<string[]>(sql)
    const names = statement.columns().map(({ name }) => name)
    const row = statement.raw().get(...parameters) as unknown[] | undefined
    if (row === undefined) return null
    const columns = names.map((name, i) => [name, row[i]]).filter(([, value]) => value !== null)
    return Object.fromEntries(columns) as T
  }

  #save(table: string, columns: (string | null)[]): void {
    const places = columns.map(() => '?').join(', ')
    this.#db.prepare(`INSERT OR REPLACE INTO ${table} VALUES (${places})`).run(...columns)
  }
}
