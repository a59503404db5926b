export * from '../../../dist/referee/servers/loopback-server.js'
