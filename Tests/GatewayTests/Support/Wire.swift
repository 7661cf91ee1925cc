import Foundation
import NIOCore
import NIOPosix
import Testing

/// One end of a connection, byte by byte as the test wants it.
final class Wire: Sendable {
    struct Inbound: Sendable {
        var text = ""
        var isClosed = false
    }

    let inbound = Watched(Inbound())
    let channel: any Channel

    init(channel: any Channel) { self.channel = channel }

    static func connect(port: Int) async throws -> Wire {
        try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let wire = Wire(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(Reader(wire: wire))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: Reader.self).wire }
            .get()
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

    /// Sends, unless the other side is gone; for tests in which it may be.
    func offer(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

    func close() async throws {
        do { try await channel.close() } catch ChannelError.alreadyClosed {}
    }

    func setReading(_ isReading: Bool) async throws { try await channel.setOption(.autoRead, value: isReading).get() }

    func text(containing needle: String) async throws -> String {
        try await inbound.wait(for: needle) { $0.text.contains(needle) ? $0.text : nil }
    }

    @discardableResult
    func closed() async throws -> String {
        try await inbound.wait(for: "the connection's end") { $0.isClosed ? $0.text : nil }
    }

    /// Takes the next whole message off what came.
    /// - Parameter hasBody: false for the answer to a HEAD.
    func message(hasBody: Bool = true) async throws -> Message {
        _ = try await inbound.wait(for: "a whole message") { Message.parse($0, hasBody: hasBody) }
        // Once more under the lock: more may have come meanwhile, and must not be lost.
        let message = inbound.update { inbound in
            let parsed = Message.parse(inbound, hasBody: hasBody)
            inbound.text = parsed?.rest ?? inbound.text
            return parsed?.0
        }
        return try #require(message)
    }

    final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let wire: Wire

        init(wire: Wire) { self.wire = wire }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            wire.inbound.update { $0.text += text }
        }

        func channelInactive(context: ChannelHandlerContext) { wire.inbound.update { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// An HTTP message, read in the simplest way, so that the test does not trust what it tests.
struct Message: Sendable {
    var startLine: String
    /// By name in lower case.
    var headers: [String: String]
    var body: String

    var status: Int { startLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

    static func parse(_ inbound: Wire.Inbound, hasBody: Bool) -> (Message, rest: String)? {
        guard let headEnd = inbound.text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = inbound.text[..<headEnd.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...]).trimmed
        }
        var message = Message(startLine: lines[0], headers: headers, body: "")
        var rest = inbound.text[headEnd.upperBound...].utf8
        if !hasBody || message.status == 304 || message.status == 204 { return (message, String(rest) ?? "") }
        if headers["transfer-encoding"] == "chunked" {
            while true {
                guard let line = rest.firstIndex(of: 13), let size = Int(String(rest[..<line]) ?? "", radix: 16),
                    rest.distance(from: line, to: rest.endIndex) >= size + 4
                else { return nil }
                let start = rest.index(line, offsetBy: 2)
                let end = rest.index(start, offsetBy: size)
                message.body += String(rest[start..<end]) ?? ""
                rest = rest[rest.index(end, offsetBy: 2)...]
                if size == 0 { break }
            }
        } else {
            let length = headers["content-length"].flatMap { Int($0) }
            // With no length, an answer goes on until the end, and a request has no body.
            if length == nil, lines[0].hasPrefix("HTTP/"), !inbound.isClosed { return nil }
            let size = length ?? (lines[0].hasPrefix("HTTP/") ? rest.count : 0)
            guard rest.count >= size else { return nil }
            message.body = String(rest.prefix(size)) ?? ""
            rest = rest.dropFirst(size)
        }
        return (message, String(rest) ?? "")
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
