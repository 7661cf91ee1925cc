import AsyncHTTPClient
import Foundation

/// An HTTP answer that is here to its end.
public struct Reply: Sendable {
    public let status: Int
    public let body: Data
    private let headers: [String: String]

    init(_ response: HTTPClientResponse) async throws {
        status = Int(response.status.code)
        headers = response.lowercasedHeaders
        body = Data(try await response.body.collect(upTo: 16 << 20).readableBytesView)
    }

    public subscript(header name: String) -> String? { headers[name.lowercased()] }

    public var text: String { String(decoding: body, as: UTF8.self) }

    public func decoded<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: body)
        } catch {
            throw TestFailure("status \(status), and no \(type): \(text)")
        }
    }

    /// Throws unless the status is 200.
    public func succeeded() throws -> Reply {
        guard status == 200 else { throw TestFailure("status \(status): \(text)") }
        return self
    }

    /// What an error answer says.
    public func error() throws -> ErrorDetails {
        try decoded(ErrorAnswer.self).error
    }

    /// The text of a chat completion that was not streamed.
    public func answer() throws -> String {
        guard let choice = try decoded(ChatCompletion.self).choices.first else {
            throw TestFailure("no choice: \(text)")
        }
        return choice.message.content
    }
}

public struct ErrorDetails: Decodable, Sendable {
    public let message: String
    public let type: String
    public let code: String?
    public let param: String?
}

private struct ErrorAnswer: Decodable {
    let error: ErrorDetails
}

private struct ChatCompletion: Decodable {
    struct Choice: Decodable { let message: Message }
    struct Message: Decodable { let content: String }
    let choices: [Choice]
}

extension HTTPClientResponse {
    var lowercasedHeaders: [String: String] {
        Dictionary(headers.map { ($0.name.lowercased(), $0.value) }) { $0 + ", " + $1 }
    }
}
