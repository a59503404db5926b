export type { McpServer as TestMcpServer } from '../../../src/referee/servers/mcp-server.js'
export * from '../../../src/referee/servers/mcp-server.js'
