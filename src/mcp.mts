export type * from './mcp.js'
export { finishMcpLogin, mcpOAuthProvider } from './mcp.js'
