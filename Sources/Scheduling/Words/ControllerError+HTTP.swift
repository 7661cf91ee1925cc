// How errors are told over HTTP. Both edges, the gateway and the management API, answer from this one table.

extension ControllerError.Code {
    /// The status of the answer.
    public var httpStatus: Int {
        switch self {
        case .badRequest: 400
        case .forbidden: 403
        case .notFound, .unknownModel: 404
        case .methodNotAllowed: 405
        case .conflict: 409
        case .tooLarge: 413
        case .unsupportedMediaType: 415
        case .unprocessable: 422
        case .queueFull: 429
        case .internal: 500
        case .engineDied: 502
        case .startFailed, .backingOff, .outOfMemory, .shuttingDown: 503
        case .deadlinePassed: 504
        }
    }

    /// The `type` in the body, one of OpenAI's: clients choose their exception and whether to try again by it.
    public var openAIType: String {
        switch self {
        case .badRequest, .notFound, .unknownModel, .methodNotAllowed, .conflict, .tooLarge, .unsupportedMediaType,
            .unprocessable:
            "invalid_request_error"
        case .forbidden: "permission_error"
        case .queueFull: "rate_limit_error"
        case .internal, .engineDied, .startFailed, .backingOff, .outOfMemory, .shuttingDown, .deadlinePassed:
            "server_error"
        }
    }
}

extension ControllerError {
    /// The value of `Retry-After`: whole seconds, rounded up, at least 1; absent where no time is known.
    public var retryAfterSeconds: Int? {
        retryAfter.map { max(1, Int($0.seconds.rounded(.up))) }
    }
}

/// The body of every error answer: `{"error": {"message", "type", "code", "param"}}`, as OpenAI's clients expect it.
public struct OpenAIErrorBody: Sendable, Codable, Equatable {
    public struct Details: Sendable, Codable, Equatable {
        /// What happened and what to do, with the last lines of the log of what failed.
        public var message: String
        public var type: String
        /// The raw value of a `ControllerError.Code`, where the error is ours; an engine may send anything.
        public var code: String?
        /// The field of the request that is wrong, where it is one.
        public var param: String?

        public init(message: String, type: String, code: String?, param: String?) {
            self.message = message
            self.type = type
            self.code = code
            self.param = param
        }

        enum CodingKeys: String, CodingKey {
            case message, type, code, param
        }

        /// Absent values are written as `null`: OpenAI's own answers have always all four.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(message, forKey: .message)
            try container.encode(type, forKey: .type)
            try container.encode(code, forKey: .code)
            try container.encode(param, forKey: .param)
        }

        /// vLLM's errors carry a number as `code`, ours a string.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            message = try container.decode(String.self, forKey: .message)
            type = try container.decodeIfPresent(String.self, forKey: .type) ?? "server_error"
            if let number = try? container.decodeIfPresent(Int.self, forKey: .code) {
                code = String(number)
            } else {
                code = try container.decodeIfPresent(String.self, forKey: .code)
            }
            param = try container.decodeIfPresent(String.self, forKey: .param)
        }
    }

    public var error: Details

    public init(_ error: ControllerError) {
        self.error = Details(
            message: error.description, type: error.code.openAIType, code: error.code.rawValue, param: error.parameter)
    }
}
