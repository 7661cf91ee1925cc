import Testing

@testable import BenchmarkSupport

@Suite struct ResponseParserTests {
    /// Feeds an answer in pieces of a size.
    private func parse(_ text: String, by size: Int) throws -> (parser: ResponseParser, body: String) {
        var parser = ResponseParser()
        var body: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            body += try parser.consume(bytes[start..<min(start + size, bytes.count)])
        }
        return (parser, String(decoding: body, as: UTF8.self))
    }

    @Test(arguments: [1, 2, 7, 1000])
    func chunkedBody(size: Int) throws {
        let (parser, body) = try parse(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Start-Tier: cold\r\n\r\n"
                + "5\r\nhello\r\nA;extension=1\r\n, 23456789\r\n0\r\nTrailer: x\r\n\r\n", by: size)
        #expect(body == "hello, 23456789")
        #expect(parser.isComplete)
        #expect(parser.status == 200)
        #expect(parser.headers["x-start-tier"] == "cold")
    }

    @Test(arguments: [1, 3, 1000])
    func bodyWithALength(size: Int) throws {
        let (parser, body) = try parse("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy", by: size)
        #expect(body == "busy")
        #expect(parser.isComplete)
        #expect(parser.status == 503)
    }

    @Test func bodyUntilTheEndOfTheConnection() throws {
        var (parser, body) = try parse("HTTP/1.1 200 OK\r\n\r\nall of it", by: 4)
        #expect(body == "all of it")
        #expect(!parser.isComplete)
        try parser.end()
        #expect(parser.isComplete)
    }

    @Test func aConnectionThatEndsTooSoonIsAnError() throws {
        var (parser, _) = try parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", by: 100)
        #expect(throws: BenchmarkError.self) { try parser.end() }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nnonsense\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
    ])
    func whatIsNoAnswerIsAnError(text: String) {
        #expect(throws: BenchmarkError.self) { try parse(text, by: 1000) }
    }
}
