export * from '../../../dist/referee/servers/oauth-request.js'
