export * from '../../../dist/referee/servers/mcp-server.js'
