/** Set by the build: the API's origin, or nothing if that is the page's own. */
declare const __EXECUTOR_API__: string;
