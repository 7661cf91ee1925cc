import Testing

@testable import BenchmarkSupport

@Suite struct StreamTests {
    private let start = Instant.now

    @Test func eventsInPieces() {
        var parser = EventStreamParser()
        var events: [String] = []
        for byte in ": comment\n\ndata: {\"a\":1}\r\n\r\ndata:one\ndata: two\n\nid: 3\n\ndata: unfinished\n".utf8 {
            events += parser.consume([byte])
        }
        #expect(events == ["{\"a\":1}", "one\ntwo"])
        #expect(parser.consume(Array("\n".utf8)) == ["unfinished"])
    }

    @Test func theFirstTokenIsTheFirstEventWithText() throws {
        var record = StreamRecord()
        let events = [
            #"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            #"{"choices":[{"delta":{"content":"The"},"finish_reason":null}]}"#,
            #"{"choices":[{"delta":{"content":" end"},"finish_reason":null}]}"#,
            #"{"choices":[{"delta":{"content":""},"finish_reason":"length"}]}"#,
            #"{"choices":[],"usage":{"completion_tokens":11}}"#,
        ]
        for (second, event) in events.enumerated() { try record.consume(event, at: start + .seconds(second)) }
        #expect(record.firstToken == start + .seconds(1))
        #expect(record.lastToken == start + .seconds(3))
        #expect(record.completionTokens == 11)
        #expect(record.text == "The end")
        #expect(record.finishReason == "length")
        #expect(record.gaps == [1000])
        // Ten tokens after the first, in two seconds.
        #expect(record.decodeSpeed == 5)
        #expect(!record.isDone)
        try record.consume("[DONE]", at: start)
        #expect(record.isDone)
    }

    @Test func oneTokenHasNoSpeed() throws {
        var record = StreamRecord()
        try record.consume(#"{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}"#, at: start)
        try record.consume(#"{"choices":[],"usage":{"completion_tokens":1}}"#, at: start)
        #expect(record.firstToken == start)
        #expect(record.decodeSpeed == nil)
    }

    @Test(arguments: [#"{"error":{"message":"the engine ended"}}"#, "not JSON"])
    func anErrorInMidStreamIsNoToken(event: String) {
        var record = StreamRecord()
        #expect(throws: BenchmarkError.self) { try record.consume(event, at: start) }
    }

    @Test func serverTiming() {
        #expect(
            TimedStage.parse("queue;dur=12.3, lease; desc=\"x\"; dur=4, cache, load;dur=abc")
                == [TimedStage(stage: "queue", milliseconds: 12.3), TimedStage(stage: "lease", milliseconds: 4)])
        #expect(TimedStage.parse("").isEmpty)
    }
}
