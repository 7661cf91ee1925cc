import Foundation
import Hummingbird
import Scheduling

extension Router where Context == BasicRequestContext {
    typealias Answer = @Sendable (Request, BasicRequestContext) async throws -> Response

    /// Adds a path with the one method that it has. All others are answered with 405.
    func add(_ method: HTTPRequest.Method, _ path: RouterPath, answer: @escaping Answer) {
        add(path, [(method, answer)])
    }

    /// Adds a path with the methods that it has. All others are answered with 405.
    func add(_ path: RouterPath, _ answers: [(method: HTTPRequest.Method, answer: Answer)]) {
        for (method, answer) in answers { on(path, method: method, use: answer) }
        // HEAD goes with GET: the router makes it.
        let allowed = answers.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
        let allowHeader = allowed.map(\.rawValue).joined(separator: ", ")
        for other in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options]
        where !allowed.contains(other) {
            on(path, method: other) { _, _ in
                try Response.error(
                    ControllerError(.methodNotAllowed, "This path takes \(allowHeader), not \(other.rawValue)."),
                    headers: [.allow: allowHeader])
            }
        }
    }
}

extension BasicRequestContext {
    /// The part of the path that the route calls `{name}`, decoded: a model name may contain `%2F`.
    func decoded(_ name: String) throws -> String {
        try Self.decode(parameters.require(name))
    }

    /// The rest of the path that a route's `**` stands for, decoded.
    func decodedRest() throws -> String {
        try Self.decode(parameters.getCatchAll().joined(separator: "/"))
    }

    static func decode(_ text: String) throws(ControllerError) -> String {
        guard let decoded = text.removingPercentEncoding else {
            throw ControllerError(
                .badRequest,
                "\"\(text)\" is not percent-encoded UTF-8; encode each byte of a name as %XX or leave it as it is.")
        }
        return decoded
    }
}
