export type * from './admin.js'
export {
  doctor,
  exportRecords,
  findUnreadable,
  importRecords,
  registrations,
  reseal,
  revokeSession,
  revokeUser,
  sessions,
  users,
} from './admin.js'
