/** What the server says and takes, as docs/api.md has it. */

export interface Limits {
  cpu_ms: number;
  wall_ms: number;
  memory_bytes: number;
  processes: number;
  output_bytes: number;
  file_size_bytes: number;
  disk_bytes: number;
  files: number;
  open_files: number;
}

export interface Language {
  name: string;
  title: string;
  aliases: string[];
  extensions: string[];
  file_name: string;
  available: boolean;
  version?: string;
  reason?: string;
  limits: Limits;
  compile_limits: Limits | null;
  editor: { mode: string; line_comment: string; indent: number };
  example: string;
}

export interface SourceFile {
  name: string;
  content: string;
}

export interface RunInput {
  stdin: string;
  args?: string[];
}

export interface ExecuteRequest {
  language: string;
  files: SourceFile[];
  encoding: "base64";
  args?: string[];
  stdin?: string;
  runs?: RunInput[];
}

/** A terminal that the program gets instead of pipes. */
export interface TerminalSize {
  columns: number;
  rows: number;
}

export type Stream = "stdout" | "stderr";
export type StageKind = "compile" | "run";

export type Status =
  | "ok"
  | "nonzero"
  | "signal"
  | "timeout"
  | "memory"
  | "output_limit"
  | "cancelled"
  | "compile_error";

export interface Cause {
  limit: "cpu_time" | "wall_time" | "memory" | "output";
  allowed: number;
  used: number;
  unit: "ms" | "bytes";
  message: string;
}

export interface Usage {
  wall_ms: number;
  cpu_ms: number;
  memory_bytes: number;
}

export interface StageResult {
  status: Status;
  exit_code: number | null;
  signal: number | null;
  signal_name: string | null;
  truncated: boolean;
  cause: Cause | null;
  usage: Usage;
}

export interface Finished extends StageResult {
  id: string;
  limits: Limits | null;
}

export interface ApiError {
  error: string;
  code: string;
  id?: string;
  retry_after?: number;
}

export type ServerEvent =
  | { type: "queued"; position: number }
  | { type: "started"; id: string; limits: Limits }
  | { type: "stage"; stage: StageKind; run?: number }
  | { type: "output"; stream: Stream; data: string }
  | ({ type: "stage_finished"; stage: StageKind; run?: number } & StageResult)
  | ({ type: "finished" } & Finished)
  | ({ type: "error" } & ApiError);

interface PlainStage extends StageResult {
  stdout_base64: string;
  stderr_base64: string;
}

/** The answer in one piece. */
export interface PlainAnswer extends Finished {
  compile: PlainStage | null;
  runs: PlainStage[];
}

export type Signal = "INT" | "TERM" | "QUIT" | "HUP" | "KILL" | "USR1" | "USR2";
