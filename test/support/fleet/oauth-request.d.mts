export * from '../../../src/referee/servers/oauth-request.js'
