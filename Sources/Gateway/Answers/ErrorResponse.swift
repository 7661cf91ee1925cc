import NIOCore
import NIOHTTP1
import Scheduling

/// A refusal as HTTP tells it: status, headers, OpenAI-shaped body. The one place where codes become statuses.
struct ErrorResponse: Error, Equatable {
    let error: ControllerError
    let status: HTTPResponseStatus
    /// For the `Allow` header of a 405.
    let allow: String?

    /// - Parameter status: where HTTP has a status that our codes do not know (408, 431); otherwise the code's own.
    init(_ error: ControllerError, status: HTTPResponseStatus? = nil, allow: String? = nil) {
        self.error = error
        self.status = status ?? Self.status(of: error.code)
        self.allow = allow
    }

    init(_ code: ControllerError.Code, _ message: String, parameter: String? = nil, retryAfter: Duration? = nil) {
        self.init(ControllerError(code, message, parameter: parameter, retryAfter: retryAfter))
    }

    /// Everything but the framing.
    var headers: HTTPHeaders {
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if let allow { headers.add(name: "Allow", value: allow) }
        if let pause = error.retryAfter {
            let seconds = max(1, Int(pause.seconds.rounded(.up)))
            headers.add(name: "Retry-After", value: String(seconds))
        }
        return headers
    }

    /// `{"error": {...}}` in one line, so that it can be an event of a stream as well.
    var json: String {
        let type: String
        switch status.code {
        case 403: type = "permission_error"
        case 429: type = "rate_limit_error"
        case 500...: type = "server_error"
        default: type = "invalid_request_error"
        }
        let parameter = error.parameter.map(JSONText.quoted) ?? "null"
        return """
            {"error": {"message": \(JSONText.quoted(error.description)), "type": "\(type)", \
            "code": "\(error.code.rawValue)", "param": \(parameter)}}
            """
    }

    private static func status(of code: ControllerError.Code) -> HTTPResponseStatus {
        switch code {
        case .badRequest: .badRequest
        case .forbidden: .forbidden
        case .notFound, .unknownModel: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .unsupportedMediaType: .unsupportedMediaType
        case .tooLarge: .payloadTooLarge
        case .conflict: .conflict
        case .queueFull: .tooManyRequests
        case .startFailed, .backingOff, .outOfMemory, .shuttingDown: .serviceUnavailable
        case .deadlinePassed: .gatewayTimeout
        case .engineDied: .badGateway
        case .internal: .internalServerError
        }
    }
}
