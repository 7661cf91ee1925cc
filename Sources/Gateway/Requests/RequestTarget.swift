import Foundation
import NIOHTTP1
import Scheduling

/// Who answers a request.
enum RequestTarget: Equatable {
    /// The engine of the model that the body names.
    case engine(OpenAISurface.Body)
    /// The management app.
    case management

    /// - Throws: the answer, where nobody does.
    init(method: HTTPMethod, uri: String) throws(ErrorResponse) {
        guard uri.utf8.first == UInt8(ascii: "/") else {
            throw ErrorResponse(.badRequest, "The request's target must be a path that begins with '/'.")
        }
        let path = uri.prefix { $0 != "?" }
        if let body = OpenAISurface.body(of: path) {
            guard method == .POST else { throw Self.wrongMethod(method, path: path, allow: "POST") }
            self = .engine(body)
        } else if path == "/v1/models" || path.hasPrefix("/v1/models/") {
            guard method == .GET || method == .HEAD else {
                throw Self.wrongMethod(method, path: path, allow: "GET, HEAD")
            }
            self = .management
        } else if path == "/v1" || path.hasPrefix("/v1/") {
            throw ErrorResponse(
                .notFound, "\(shown(path)) is not served here. GET /v1/models lists the models that are.")
        } else {
            self = .management
        }
    }

    /// The model that a request without a body names as `?model=`.
    ///
    /// - Throws: the 400, where there is none, or more than one.
    static func modelInQuery(of uri: String) throws(ErrorResponse) -> String {
        let query = uri.drop { $0 != "?" }.dropFirst()
        let names = query.split(separator: "&").filter { $0.hasPrefix("model=") }.map { $0.dropFirst("model=".count) }
        guard names.count == 1, let name = names[0].removingPercentEncoding, !name.isEmpty,
            name.utf8.count <= JSONModelScanner.nameLimit
        else {
            throw ErrorResponse(
                .badRequest,
                "The request has no body and names no model: send a JSON object with a \"model\", or ?model=NAME.",
                parameter: "model")
        }
        return name
    }

    private static func wrongMethod(_ method: HTTPMethod, path: Substring, allow: String) -> ErrorResponse {
        ErrorResponse(
            ControllerError(.methodNotAllowed, "\(method.rawValue) is not allowed on \(shown(path)): use \(allow)."),
            allow: allow)
    }
}

/// A path as messages show it: no longer than makes sense.
private func shown(_ path: Substring) -> String { String(path.prefix(128)) }
