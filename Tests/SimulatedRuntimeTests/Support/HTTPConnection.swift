import Foundation
import Glibc

/// A blocking HTTP/1.1 client on a Unix socket, small enough to see what is on the wire.
final class HTTPConnection {
    struct Response {
        var status: Int
        var headers: [String: String]
        var body: String

        /// The payloads of its server-sent events.
        var events: [String] {
            body.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map { $0.replacing("data: ", with: "") }
        }

        func json() throws -> [String: Any] {
            guard let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
                throw TestFailure("not an object: \(body)")
            }
            return object
        }
    }

    private let descriptor: Int32
    private var unread: [UInt8] = []

    init(_ path: String) throws {
        descriptor = try UnixSocket.connect(path)
    }

    deinit {
        close(descriptor)
    }

    func send(_ method: String, _ target: String, _ body: String = "", headers: [String] = []) throws {
        let head =
            ["\(method) \(target) HTTP/1.1", "Host: localhost", "Content-Length: \(body.utf8.count)"] + headers
        try UnixSocket.write(Array((head.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8), to: descriptor)
    }

    func request(_ method: String, _ target: String, _ body: String = "", headers: [String] = []) throws -> Response {
        try send(method, target, body, headers: headers)
        return try response()
    }

    func response() throws -> Response {
        var lines: [String] = []
        while let line = try line(), !line.isEmpty { lines.append(line) }
        guard let first = lines.first, let status = Int(first.split(separator: " ")[1]) else {
            throw TestFailure("no response")
        }
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (line[..<colon].lowercased(), line[colon...].dropFirst().trimmingCharacters(in: .whitespaces))
        }
        var response = Response(
            status: status, headers: Dictionary(headers, uniquingKeysWith: { "\($0), \($1)" }), body: "")
        if response.headers["transfer-encoding"] == "chunked" {
            while let size = try line().flatMap({ Int($0, radix: 16) }) {
                response.body += String(decoding: try bytes(size), as: UTF8.self)
                _ = try line()
                if size == 0 { break }
            }
        } else {
            let length = response.headers["content-length"].flatMap { Int($0) } ?? 0
            response.body = String(decoding: try bytes(length), as: UTF8.self)
        }
        return response
    }

    /// Whether the server closes the connection without another byte.
    func isClosedByServer() -> Bool {
        unread.isEmpty && UnixSocket.isReadable(descriptor, within: TestController.patience)
            && UnixSocket.read(descriptor).isEmpty
    }

    private func line() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: 10) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeSubrange(...end)
                return line.trimmingCharacters(in: .newlines)
            }
            guard try fill() else { return nil }
        }
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while unread.count < count {
            guard try fill() else { throw TestFailure("the server closed the connection in the body") }
        }
        let taken = Array(unread.prefix(count))
        unread.removeFirst(count)
        return taken
    }

    private func fill() throws -> Bool {
        guard UnixSocket.isReadable(descriptor, within: TestController.patience) else {
            throw TestFailure("the server does not answer")
        }
        let bytes = UnixSocket.read(descriptor)
        unread += bytes
        return !bytes.isEmpty
    }
}
