// Comma-separated names; none: Next bundles all that it can.
const { EXTERNAL } = process.env

export default EXTERNAL ? { serverExternalPackages: EXTERNAL.split(',') } : {}
