/**
 * Types of the API's messages. Generated from webd/src/api/openapi.json by `npm run types`; do not edit.
 */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export type components = {
  schemas: {
    ExecuteRequest: {
      language?: string;
      code?: string;
      filename?: string;
      files?: components["schemas"]["File"][];
      stdin?: string;
      /** @enum {string} */
      stdin_encoding?: "utf8" | "base64";
      args?: string[];
      limits?: components["schemas"]["LimitsRequest"];
      compile_limits?: components["schemas"]["LimitsRequest"];
      runs?: components["schemas"]["RunRequest"][];
      merge_output?: boolean;
      parallel?: number;
      keep?: string;
      build?: string;
      /** @enum {string} */
      encoding?: "utf8" | "base64";
      outputs?: string[];
      artifacts?: boolean;
      compact?: boolean;
      version?: string;
      packages?: string;
      /** @default {} */
      options?: {
        [key: string]: boolean | string | string[];
      };
      /** @default {} */
      environment?: {
        [key: string]: string;
      };
      expected_stdout?: string;
      /** @enum {string} */
      expected_stdout_encoding?: "utf8" | "base64";
      compare?:
        | ("exact" | "lines" | "tokens")
        | {
            float: number;
          };
      checker?: components["schemas"]["JudgeProgram"];
      interactor?: components["schemas"]["JudgeProgram"];
      transcript?: boolean;
      /** @enum {string} */
      stop_on?: "first_failure";
    } & (unknown | unknown | unknown);
    File: {
      name?: string;
      content: string;
      /** @enum {string} */
      encoding?: "utf8" | "base64";
    };
    RunRequest: {
      stdin?: string;
      /** @enum {string} */
      stdin_encoding?: "utf8" | "base64";
      args?: string[];
      /** @default {} */
      environment?: {
        [key: string]: string;
      };
      expected_stdout?: string;
      /** @enum {string} */
      expected_stdout_encoding?: "utf8" | "base64";
      compare?:
        | ("exact" | "lines" | "tokens")
        | {
            float: number;
          };
    };
    LimitsRequest: {
      cpu_ms?: number;
      wall_ms?: number;
      memory_bytes?: number;
      processes?: number;
      output_bytes?: number;
      file_size_bytes?: number;
      disk_bytes?: number;
      files?: number;
      open_files?: number;
      stack_bytes?: number;
      address_space_bytes?: number;
      output_files?: number;
      output_file_bytes?: number;
      output_files_bytes?: number;
      input_idle_ms?: number;
    };
    Answer: {
      /** Format: uuid */
      id: string;
      output: string;
      stdout: string;
      stderr: string;
      output_base64?: string;
      stdout_base64?: string;
      stderr_base64?: string;
      output_files?: components["schemas"]["OutputFile"][];
      output_files_omitted?: components["schemas"]["OmittedFiles"];
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "compile_error"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      limits: components["schemas"]["Limits"] | null;
      compile_limits: components["schemas"]["Limits"] | null;
      queue_ms: number;
      compile: components["schemas"]["Stage"] | null;
      runs: components["schemas"]["Stage"][];
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
      summary?: components["schemas"]["Summary"];
      build?: string;
    };
    Stage: {
      output: string;
      stdout: string;
      stderr: string;
      output_base64?: string;
      stdout_base64?: string;
      stderr_base64?: string;
      output_files?: components["schemas"]["OutputFile"][];
      output_files_omitted?: components["schemas"]["OmittedFiles"];
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
    };
    CompactAnswer: {
      /** Format: uuid */
      id: string;
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "compile_error"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      limits: components["schemas"]["Limits"] | null;
      compile_limits: components["schemas"]["Limits"] | null;
      queue_ms: number;
      compile: components["schemas"]["CompactStage"] | null;
      runs: components["schemas"]["CompactStage"][];
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
      summary?: components["schemas"]["Summary"];
      build?: string;
    };
    CompactStage: {
      stdout?: string;
      stderr?: string;
      stdout_base64?: string;
      stderr_base64?: string;
      output_files?: components["schemas"]["OutputFile"][];
      output_files_omitted?: components["schemas"]["OmittedFiles"];
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
    };
    OutputFile: {
      name: string;
      size: number;
      content?: string;
      content_base64?: string;
      truncated: boolean;
    };
    OmittedFiles: {
      too_many: number;
      too_large: number;
      not_regular: number;
      invalid_name: number;
      unreadable: number;
      incomplete: boolean;
    };
    Verdict: {
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
    };
    JudgeProgram: {
      language: string;
      code?: string;
      filename?: string;
      files?: components["schemas"]["File"][];
      limits?: components["schemas"]["LimitsRequest"];
    } & (unknown | unknown);
    Difference: {
      line: number;
      column: number;
      expected: string | null;
      actual: string | null;
    };
    TranscriptEntry: {
      /** @enum {string} */
      from: "solution" | "interactor";
      data: string;
    };
    Summary: {
      counts: {
        [key: string]: number;
      };
      first_failed: number | null;
    };
    Cause: {
      /** @enum {string} */
      limit: "cpu_time" | "wall_time" | "memory" | "output" | "input_idle";
      allowed: number;
      used: number;
      /** @enum {string} */
      unit: "ms" | "bytes";
      message: string;
    };
    Usage: {
      wall_ms: number;
      cpu_ms: number;
      user_cpu_ms: number;
      system_cpu_ms: number;
      memory_bytes: number;
      peak_processes: number | null;
      stdout_bytes: number;
      stderr_bytes: number;
    };
    Limits: {
      cpu_ms: number;
      wall_ms: number;
      memory_bytes: number;
      processes: number;
      output_bytes: number;
      file_size_bytes: number;
      disk_bytes: number;
      files: number;
      open_files: number;
      stack_bytes: number;
      address_space_bytes: number;
      output_files: number;
      output_file_bytes: number;
      output_files_bytes: number;
      input_idle_ms: number;
    };
    Event:
      | components["schemas"]["EventQueued"]
      | components["schemas"]["EventStarted"]
      | components["schemas"]["EventStage"]
      | components["schemas"]["EventOutput"]
      | components["schemas"]["EventOutputFile"]
      | components["schemas"]["EventWaitingForInput"]
      | components["schemas"]["EventStageFinished"]
      | components["schemas"]["EventFinished"]
      | components["schemas"]["EventError"];
    EventQueued: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "queued";
      position: number;
    };
    EventStarted: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "started";
      /** Format: uuid */
      id: string;
      limits: components["schemas"]["Limits"];
      compile_limits: components["schemas"]["Limits"] | null;
    };
    EventStage: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "stage";
      /** @enum {string} */
      stage: "compile" | "run";
      run?: number;
    };
    EventOutput: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "output";
      /** @enum {string} */
      stage: "compile" | "run";
      run?: number;
      /** @enum {string} */
      stream: "stdout" | "stderr";
      data: string;
    };
    EventOutputFile: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "output_file";
      /** @enum {string} */
      stage: "compile" | "run";
      run?: number;
      name: string;
      size: number;
      content?: string;
      content_base64?: string;
      truncated: boolean;
    };
    EventWaitingForInput: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "waiting_for_input";
      /** @enum {string} */
      stage: "compile" | "run";
      run?: number;
    };
    EventStageFinished: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "stage_finished";
      /** @enum {string} */
      stage: "compile" | "run";
      run?: number;
      output_files_omitted?: components["schemas"]["OmittedFiles"];
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
    };
    EventFinished: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "finished";
      /** Format: uuid */
      id: string;
      /** @enum {string} */
      status:
        | "ok"
        | "nonzero"
        | "signal"
        | "timeout"
        | "memory"
        | "output_limit"
        | "cancelled"
        | "compile_error"
        | "skipped";
      exit_code: number | null;
      signal: number | null;
      signal_name: string | null;
      truncated: boolean;
      cause: components["schemas"]["Cause"] | null;
      usage: components["schemas"]["Usage"];
      /** @enum {string|null} */
      start: "warm" | "cold" | "cached" | null;
      hint?: string;
      start_ms: number;
      limits: components["schemas"]["Limits"] | null;
      compile_limits: components["schemas"]["Limits"] | null;
      queue_ms: number;
      compile: components["schemas"]["Verdict"] | null;
      runs: components["schemas"]["Verdict"][];
      /** @enum {string} */
      verdict?:
        | "accepted"
        | "wrong_answer"
        | "presentation_error"
        | "partially_correct"
        | "time_limit_exceeded"
        | "memory_limit_exceeded"
        | "output_limit_exceeded"
        | "runtime_error"
        | "compile_error"
        | "judge_error"
        | "skipped";
      verdict_message?: string;
      difference?: components["schemas"]["Difference"];
      transcript?: components["schemas"]["TranscriptEntry"][];
      transcript_truncated?: boolean;
      summary?: components["schemas"]["Summary"];
      build?: string;
    };
    EventError: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "error";
      error: string;
      code: components["schemas"]["ErrorCode"];
      /** Format: uuid */
      id?: string;
      retry_after?: number;
      requested?: string;
      available?: string[];
    };
    SessionFrame:
      | components["schemas"]["SessionStart"]
      | components["schemas"]["SessionStdin"]
      | components["schemas"]["SessionEndOfInput"]
      | components["schemas"]["SessionSignal"]
      | components["schemas"]["SessionResize"]
      | components["schemas"]["SessionCancel"];
    SessionStart: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "start";
      language?: string;
      code?: string;
      filename?: string;
      files?: components["schemas"]["File"][];
      stdin?: string;
      /** @enum {string} */
      stdin_encoding?: "utf8" | "base64";
      args?: string[];
      limits?: components["schemas"]["LimitsRequest"];
      compile_limits?: components["schemas"]["LimitsRequest"];
      runs?: components["schemas"]["RunRequest"][];
      merge_output?: boolean;
      parallel?: number;
      keep?: string;
      build?: string;
      /** @enum {string} */
      encoding?: "utf8" | "base64";
      outputs?: string[];
      artifacts?: boolean;
      compact?: boolean;
      tty?: boolean;
      columns?: number;
      rows?: number;
      version?: string;
      packages?: string;
      /** @default {} */
      options?: {
        [key: string]: boolean | string | string[];
      };
      /** @default {} */
      environment?: {
        [key: string]: string;
      };
      expected_stdout?: string;
      /** @enum {string} */
      expected_stdout_encoding?: "utf8" | "base64";
      compare?:
        | ("exact" | "lines" | "tokens")
        | {
            float: number;
          };
      checker?: components["schemas"]["JudgeProgram"];
      interactor?: components["schemas"]["JudgeProgram"];
      transcript?: boolean;
      /** @enum {string} */
      stop_on?: "first_failure";
    } & (unknown | unknown | unknown);
    SessionStdin: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "stdin";
      data: string;
      /** @enum {string} */
      encoding?: "utf8" | "base64";
    };
    SessionEndOfInput: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "end_of_input";
    };
    SessionSignal: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "signal";
      /** @enum {string} */
      signal: "INT" | "TERM" | "QUIT" | "HUP" | "KILL" | "USR1" | "USR2";
    };
    SessionResize: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "resize";
      columns: number;
      rows: number;
    };
    SessionCancel: {
      /**
       * @description discriminator enum property added by openapi-typescript
       * @enum {string}
       */
      type: "cancel";
    };
    Language: {
      name: string;
      title: string;
      aliases: string[];
      extensions: string[];
      file_name: string;
      available: boolean;
      version?: string;
      reason?: string;
      limits: components["schemas"]["Limits"];
      compile_limits: components["schemas"]["Limits"] | null;
      editor: components["schemas"]["Editor"];
      example: string;
      options: components["schemas"]["LanguageOption"][];
      formatter?: string;
      versions: components["schemas"]["LanguageVersion"][];
      packages: components["schemas"]["PackageSet"][];
    };
    LanguageVersion: {
      packages: components["schemas"]["PackageSet"][];
      version: string;
      title: string;
      default: boolean;
    };
    PackageSet: {
      name: string;
      default: boolean;
      packages: components["schemas"]["Package"][];
    };
    Package: {
      name: string;
      version: string | null;
    };
    LanguageOption: {
      name: string;
      title: string;
      help: string;
      /** @enum {string} */
      type: "flag" | "choice" | "set";
      default: boolean | string | string[];
      values: components["schemas"]["OptionChoice"][];
      available: boolean;
      reason?: string;
    };
    OptionChoice: {
      name: string;
      available: boolean;
      reason?: string;
    };
    Editor: {
      mode: string;
      line_comment: string;
      indent: number;
    };
    FormatRequest: {
      language: string;
      code: string;
      filename?: string;
    };
    Formatted: {
      code: string;
    };
    Token: {
      token: string;
      protocols: string[];
      expires_in: number;
    };
    PistonRuntime: {
      language: string;
      version: string;
      aliases: string[];
      runtime?: string;
    };
    PistonPackage: {
      language: string;
      language_version: string;
      installed: boolean;
    };
    PistonStage: {
      signal: string | null;
      stdout: string;
      stderr: string;
      code: number | null;
      output: string;
      memory: number;
      message: string | null;
      status: string | null;
      cpu_time: number;
      wall_time: number;
    };
    PistonAnswer: {
      compile?: components["schemas"]["PistonStage"];
      run: components["schemas"]["PistonStage"];
      language: string;
      version: string;
    };
    PistonError: {
      message: string;
    };
    PistonMessage:
      | {
          /** @constant */
          type: "runtime";
          language: string;
          version: string;
        }
      | {
          /** @constant */
          type: "stage";
          stage: string;
        }
      | {
          /** @constant */
          type: "data";
          stream: string;
          data: string;
        }
      | {
          /** @constant */
          type: "exit";
          stage: string;
          code: number | null;
          signal: string | null;
          status: string | null;
          message: string | null;
        }
      | {
          /** @constant */
          type: "error";
          message: string;
        };
    /** @enum {string} */
    SubmissionState: "queued" | "running" | "finished" | "failed" | "cancelled" | "expired";
    Submission: {
      /** Format: uuid */
      token: string;
      status: components["schemas"]["SubmissionState"];
      created_ms: number;
      started_ms: number | null;
      finished_ms: number | null;
      result?: Record<string, never>;
      error?: Record<string, never>;
    };
    SubmissionList: {
      submissions: components["schemas"]["Submission"][];
    };
    SubmissionRequest: {
      language?: string;
      code?: string;
      filename?: string;
      files?: components["schemas"]["File"][];
      stdin?: string;
      /** @enum {string} */
      stdin_encoding?: "utf8" | "base64";
      args?: string[];
      limits?: components["schemas"]["LimitsRequest"];
      compile_limits?: components["schemas"]["LimitsRequest"];
      runs?: components["schemas"]["RunRequest"][];
      merge_output?: boolean;
      parallel?: number;
      keep?: string;
      build?: string;
      /** @enum {string} */
      encoding?: "utf8" | "base64";
      outputs?: string[];
      artifacts?: boolean;
      compact?: boolean;
      version?: string;
      packages?: string;
      /** @default {} */
      options?: {
        [key: string]: boolean | string | string[];
      };
      /** @default {} */
      environment?: {
        [key: string]: string;
      };
      expected_stdout?: string;
      /** @enum {string} */
      expected_stdout_encoding?: "utf8" | "base64";
      compare?:
        | ("exact" | "lines" | "tokens")
        | {
            float: number;
          };
      checker?: components["schemas"]["JudgeProgram"];
      interactor?: components["schemas"]["JudgeProgram"];
      transcript?: boolean;
      /** @enum {string} */
      stop_on?: "first_failure";
      /** Format: uri */
      callback_url?: string;
    } & (unknown | unknown | unknown);
    SubmissionCallback: {
      type: string;
      /** Format: date-time */
      timestamp: string;
      data: components["schemas"]["Submission"];
      result_omitted: boolean;
    };
    SubmissionBatch: {
      submissions: components["schemas"]["SubmissionRequest"][];
    };
    Accepted: {
      /** Format: uuid */
      token: string;
      status: components["schemas"]["SubmissionState"];
    };
    AcceptedList: {
      submissions: components["schemas"]["Accepted"][];
    };
    JobeResult: {
      run_id: string | null;
      outcome: number;
      cmpinfo: string;
      stdout: string;
      stderr: string;
    };
    /** @enum {string} */
    ErrorCode:
      | "invalid_json"
      | "invalid_request"
      | "unsupported_language"
      | "language_unavailable"
      | "not_found"
      | "method_not_allowed"
      | "request_timeout"
      | "too_large"
      | "unsupported_media_type"
      | "wrong_host"
      | "busy"
      | "overloaded"
      | "unavailable"
      | "forbidden"
      | "forbidden_origin"
      | "upgrade_required"
      | "failed"
      | "unauthorized"
      | "language_forbidden"
      | "rate_limited"
      | "quota_exceeded"
      | "conflict"
      | "not_formatted";
    Error: {
      error: string;
      code: components["schemas"]["ErrorCode"];
      /** Format: uuid */
      id?: string;
      retry_after?: number;
      requested?: string;
      available?: string[];
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
};
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
