/**
 * Milliseconds of processor time that this process has taken: unlike the clock's, other work on the machine hardly adds
 * to it.
 */
export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
