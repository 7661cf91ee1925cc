import Testing

@testable import worker_controller

struct ServerSentEventParserTests {
    private static let stream = """
        : a comment
        data: {"a":"é"}

        event: error
        data:first
        data: second

        id: 7\r
        data\r
        \r
        data:  x: y\r\r
        event: nothing

        data: unfinished
        """
    private static let expected = [
        ServerSentEvent(name: "message", data: #"{"a":"é"}"#), ServerSentEvent(name: "error", data: "first\nsecond"),
        ServerSentEvent(name: "message", data: ""), ServerSentEvent(name: "message", data: " x: y"),
    ]

    @Test func allAtOnce() throws {
        var parser = ServerSentEventParser()
        #expect(try parser.push(Self.stream.utf8) == Self.expected)
    }

    @Test func cutAnywhere() throws {
        let bytes = Array(Self.stream.utf8)
        for cut in bytes.indices {
            var parser = ServerSentEventParser()
            let events = try parser.push(bytes[..<cut]) + parser.push(bytes[cut...])
            #expect(events == Self.expected, "cut at \(cut)")
        }
    }

    @Test func byteByByte() throws {
        var parser = ServerSentEventParser()
        #expect(try Self.stream.utf8.flatMap { try parser.push(CollectionOfOne($0)) } == Self.expected)
    }

    @Test func anEndlessEventIsRefused() throws {
        var parser = ServerSentEventParser()
        let line = Array("data: ".utf8) + [UInt8](repeating: 120, count: 1 << 20) + [UInt8(ascii: "\n")]
        #expect(throws: ClientError.self) {
            for _ in 0...(ServerSentEventParser.largestEvent >> 20) { _ = try parser.push(line) }
        }
    }

    @Test func sizesOfEventsDoNotAddUp() throws {
        var parser = ServerSentEventParser()
        let event = Array("data: ".utf8) + [UInt8](repeating: 120, count: 1 << 20) + Array("\n\n".utf8)
        for _ in 0...(ServerSentEventParser.largestEvent >> 20) { #expect(try parser.push(event).count == 1) }
    }
}
