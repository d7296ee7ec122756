// @ts-check
// How the page looks now.
export const isDark = () => document.body.classList.contains('dark');
export const onStage = () => document.body.classList.contains('lp-stage');
