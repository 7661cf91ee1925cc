import Foundation
import NIOHTTP1
import Scheduling

/// A refusal as HTTP tells it: status, headers, OpenAI-shaped body.
struct ErrorResponse: Error, Equatable {
    let error: ControllerError
    let status: HTTPResponseStatus
    /// For the `Allow` header of a 405.
    let allow: String?

    /// - Parameter status: where HTTP has a status that our codes do not know (408, 431); otherwise the code's own.
    init(_ error: ControllerError, status: HTTPResponseStatus? = nil, allow: String? = nil) {
        self.error = error
        self.status = status ?? HTTPResponseStatus(statusCode: error.code.httpStatus)
        self.allow = allow
    }

    init(_ code: ControllerError.Code, _ message: String, parameter: String? = nil, retryAfter: Duration? = nil) {
        self.init(ControllerError(code, message, parameter: parameter, retryAfter: retryAfter))
    }

    /// Everything but the framing.
    var headers: HTTPHeaders {
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if let allow { headers.add(name: "Allow", value: allow) }
        if let seconds = error.retryAfterSeconds { headers.add(name: "Retry-After", value: String(seconds)) }
        return headers
    }

    /// `{"error": {...}}` in one line, so that it can be an event of a stream as well.
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Strings and nulls cannot fail to be encoded; an answer without a reason beats none.
        guard let bytes = try? encoder.encode(OpenAIErrorBody(error)) else { return "{}" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
