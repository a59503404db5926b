export type * from './admin.js'
export {
  findUnreadable,
  registrations,
  reseal,
  revokeSession,
  revokeUser,
  sessions,
  users,
} from './admin.js'
