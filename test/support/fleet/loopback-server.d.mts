export * from '../../../src/referee/servers/loopback-server.js'
