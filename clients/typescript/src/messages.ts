/** Names for the API's messages. Their types are generated from webd's OpenAPI description. */
import type { components } from "./types.js";

type Schemas = components["schemas"];

export type ExecuteRequest = Schemas["ExecuteRequest"];
export type Answer = Schemas["Answer"];
export type Language = Schemas["Language"];
export type LanguageOption = Schemas["LanguageOption"];
export type LanguageVersion = Schemas["LanguageVersion"];
export type PackageSet = Schemas["PackageSet"];
export type Limits = Schemas["Limits"];
export type Usage = Schemas["Usage"];
/** Result of one stage, without its output. */
export type StageResult = Schemas["Verdict"];

export type Token = Schemas["Token"];
export type FormatRequest = Schemas["FormatRequest"];
export type Formatted = Schemas["Formatted"];

export type ServerEvent = Schemas["Event"];
export type FinishedEvent = Schemas["EventFinished"];
export type OutputFileEvent = Schemas["EventOutputFile"];
export type StageFinishedEvent = Schemas["EventStageFinished"];
export type StageKind = Schemas["EventStage"]["stage"];
export type Stream = Schemas["EventOutput"]["stream"];

export type SessionFrame = Schemas["SessionFrame"];
export type Signal = Schemas["SessionSignal"]["signal"];
export type TerminalSize = Pick<Schemas["SessionResize"], "columns" | "rows">;

/** Error of the API. The code `http` stands for an error that is not in JSON, such as that of a proxy. */
export type ApiError = Omit<Schemas["Error"], "code"> & { code: ErrorCode };
export type ErrorCode = Schemas["ErrorCode"] | "http";

export type SubmissionRequest = Schemas["SubmissionRequest"];
export type SubmissionState = Schemas["SubmissionState"];
export type AcceptedSubmission = Schemas["Accepted"];
/** A stored program. `result` is there when it is finished, and `error` when it failed. */
export type Submission = Omit<Schemas["Submission"], "result" | "error"> & {
  result?: Answer;
  error?: ApiError;
};
export type OutputFile = Schemas["OutputFile"];
