/** How a message calls an option: `options.port`, or `REDIS_PORT` where it came from the environment. */
export type NameOfOption = (option: string) => string

export const optionName: NameOfOption = (option) => `options.${option}`
