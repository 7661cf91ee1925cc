import AsyncHTTPClient
import Foundation

/// A streamed chat completion, read as it comes.
public struct AnswerStream {
    public enum Event: Sendable, Equatable {
        case token(String)
        /// An event of another kind than a token: the opening, the end of the answer.
        case other
        case error(code: String?)
        /// `[DONE]`
        case done
    }

    public let status: Int
    public let headers: [String: String]
    private var body: HTTPClientResponse.Body.AsyncIterator
    private var unread = Data()

    init(_ response: HTTPClientResponse) {
        status = Int(response.status.code)
        headers = response.lowercasedHeaders
        body = response.body.makeAsyncIterator()
    }

    /// The next event; nil at the end of the stream.
    public mutating func next() async throws -> Event? {
        let separator = Data("\n\n".utf8)
        while true {
            if let end = unread.range(of: separator) {
                let event = String(decoding: unread[..<end.lowerBound], as: UTF8.self)
                unread = Data(unread[end.upperBound...])
                return try Self.event(event)
            }
            guard let chunk = try await body.next() else {
                guard unread.isEmpty else {
                    throw TestFailure("half an event: \(String(decoding: unread, as: UTF8.self))")
                }
                return nil
            }
            unread += Data(chunk.readableBytesView)
        }
    }

    /// The next token; throws if something else ends the stream before.
    public mutating func nextToken() async throws -> String {
        while let event = try await next() {
            if case .token(let token) = event { return token }
            if event != .other { throw TestFailure("\(event) instead of a token") }
        }
        throw TestFailure("the stream ended")
    }

    /// All that is left of the events, those of no interest left out.
    public mutating func rest() async throws -> [Event] {
        var events: [Event] = []
        while let event = try await next() {
            if event != .other { events.append(event) }
        }
        return events
    }

    private static func event(_ text: String) throws -> Event {
        guard text.hasPrefix("data: ") else { throw TestFailure("no event: \(text)") }
        let data = text.dropFirst("data: ".count)
        if data == "[DONE]" { return .done }
        let chunk: Chunk
        do {
            chunk = try JSONDecoder().decode(Chunk.self, from: Data(data.utf8))
        } catch {
            throw TestFailure("no chunk: \(data)")
        }
        if let error = chunk.error { return .error(code: error.code) }
        guard let content = chunk.choices?.first?.delta?.content, !content.isEmpty else { return .other }
        return .token(content)
    }
}

private struct Chunk: Decodable {
    struct Choice: Decodable { let delta: Delta? }
    struct Delta: Decodable { let content: String? }
    let choices: [Choice]?
    let error: ErrorDetails?
}
