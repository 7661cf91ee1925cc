import Foundation
import Hummingbird
import Scheduling

extension Response {
    /// An answer in JSON, its keys in alphabetical order so that the same state reads the same.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) throws
        -> Response
    {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
    }

    /// An error as OpenAI's clients expect it.
    static func error(_ error: ControllerError, headers: HTTPFields = [:]) throws -> Response {
        var headers = headers
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        return try json(
            OpenAIErrorBody(error), status: HTTPResponse.Status(code: error.code.httpStatus), headers: headers)
    }
}
