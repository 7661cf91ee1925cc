/// The one error of the controller: what happened, what to do about it, and how it is told to the outside.
///
/// Leaf modules have errors of their own where they may not know this one; they are turned into it where they meet the
/// controller. HTTP statuses and exit codes are made from `code` at the edge only.
public struct ControllerError: Error, Sendable, Equatable {
    public enum Code: String, Sendable, CaseIterable {
        /// The request makes no sense as it is.
        case badRequest = "bad_request"
        /// Refused because of who asks, or from where.
        case forbidden
        /// No model, engine or process has this name.
        case notFound = "not_found"
        case unknownModel = "model_not_found"
        case methodNotAllowed = "method_not_allowed"
        case unsupportedMediaType = "unsupported_media_type"
        case tooLarge = "request_too_large"
        /// The request is readable, and what it asks for can never be.
        case unprocessable
        /// What is asked for cannot go together with what is.
        case conflict
        case queueFull = "queue_full"
        /// The engine could not be started.
        case startFailed = "start_failed"
        /// A start failed a moment ago; the next one is tried after a pause.
        case backingOff = "backing_off"
        /// It does not fit into the memory there is.
        case outOfMemory = "out_of_memory"
        /// Waited as long as it may.
        case deadlinePassed = "deadline_passed"
        /// The engine ended before the answer's first byte, and so did the retry.
        case engineDied = "engine_died"
        case shuttingDown = "shutting_down"
        /// A fault of ours.
        case `internal` = "internal_error"
    }

    public let code: Code
    /// What happened and what to do, in a sentence or two.
    public let message: String
    /// The field of the request that is wrong, where it is one.
    public let parameter: String?
    /// When trying again makes sense, where that is known.
    public let retryAfter: Duration?
    /// The last lines of the log of what failed; may be empty.
    public let logTail: [String]

    public init(
        _ code: Code, _ message: String, parameter: String? = nil, retryAfter: Duration? = nil, logTail: [String] = []
    ) {
        self.code = code
        self.message = message
        self.parameter = parameter
        self.retryAfter = retryAfter
        self.logTail = logTail
    }
}

extension ControllerError: CustomStringConvertible {
    public var description: String {
        logTail.isEmpty ? message : message + "\nLast lines of its log:\n" + logTail.joined(separator: "\n")
    }
}
