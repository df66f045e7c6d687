/** Origin of the API, set by the build. Empty if it is the page's own origin. */
declare const __EXECUTOR_API__: string;
