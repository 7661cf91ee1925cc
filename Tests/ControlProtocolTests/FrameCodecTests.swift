import Foundation
import NIOCore
import Testing

@testable import ControlProtocol

@Suite struct FrameCodecTests {
    @Test(arguments: try RecordedFrames.load().messages)
    func aRecordedFrameSurvivesTheRoundTrip(_ recorded: RecordedFrames.Recorded) throws {
        var incoming = try recorded.frame()
        guard case .message(let message) = try FrameCodec.decodeNext(from: &incoming) else {
            Issue.record("\(recorded.name) was not understood")
            return
        }
        #expect(incoming.readableBytes == 0)

        var outgoing = ByteBuffer()
        try FrameCodec.encode(message, into: &outgoing)
        let length = outgoing.readInteger(as: UInt32.self)
        #expect(length.map(Int.init) == outgoing.readableBytes)
        let written = try JSONDecoder().decode(JSONValue.self, from: Data(outgoing.readableBytesView))
        #expect(written == recorded.message)
    }

    @Test func everyTypeIsRecorded() throws {
        let recorded = try RecordedFrames.load().messages.map { recorded -> String? in
            guard case .object(let fields) = recorded.message, case .string(let type) = fields["type"] else {
                return nil
            }
            return type
        }
        #expect(Set(recorded) == Set(WireType.allCases.map(\.rawValue)))
    }

    @Test(arguments: try RecordedFrames.load().malformedMessages)
    func aMalformedMessageIsAnsweredByItsField(_ malformed: RecordedFrames.Malformed) throws {
        var incoming = try frame(malformed.message)
        let read = try #require(try FrameCodec.decodeNext(from: &incoming))
        guard case .malformed(_, _, let reason) = read else {
            Issue.record("\(malformed.name) was understood: \(read)")
            return
        }
        // A list's element or an object's entry is named with the field that it is in.
        #expect(reason.hasPrefix("'\(malformed.field)'") || reason.hasPrefix("'\(malformed.field)."), "\(reason)")
        let answer = try #require(read.refusal)
        #expect(answer.wireType.rawValue == malformed.answer)
        var outgoing = ByteBuffer()
        try FrameCodec.encode(answer, into: &outgoing)
        #expect(String(buffer: outgoing).contains(reason))
    }

    @Test(arguments: try RecordedFrames.load().badFrames)
    func aBadFrameIsRefusedByName(_ bad: RecordedFrames.Bad) throws {
        var incoming = try bad.frame()
        let error = #expect(throws: FrameError.self) { try FrameCodec.decodeNext(from: &incoming) }
        #expect(error.map { "\($0)".contains(bad.error) } == true)
    }

    @Test(arguments: ["{\"type\":\"ping\",\"id\":\"\u{0}\"}", "nul", "{\"type\":", "7 8"])
    func whatIsNotJSONIsRefused(_ text: String) {
        var incoming = frame(text)
        #expect(throws: FrameError.notJSON) { try FrameCodec.decodeNext(from: &incoming) }
    }

    @Test func otherEncodingsAreNotJSON() throws {
        for encoding: String.Encoding in [.utf16LittleEndian, .utf32BigEndian] {
            let bytes = try #require("{\"type\":\"done\",\"re\":1}".data(using: encoding))
            var incoming = ByteBuffer(integer: UInt32(bytes.count))
            incoming.writeBytes(bytes)
            #expect(throws: FrameError.notJSON) { try FrameCodec.decodeNext(from: &incoming) }
        }
        // A string that is not UTF-8, in a field that nobody reads.
        var incoming = ByteBuffer(bytes: [0, 0, 0, 29])
        incoming.writeString("{\"type\":\"done\",\"re\":1,\"x\":\"")
        incoming.writeBytes([0xC3])
        incoming.writeString("\"}")
        incoming.setInteger(UInt32(incoming.readableBytes - 4), at: 0)
        #expect(throws: FrameError.notJSON) { try FrameCodec.decodeNext(from: &incoming) }
    }

    @Test(arguments: ["[]", "null", "1", "\"ping\""])
    func onlyObjectsAreMessages(_ json: String) {
        var incoming = frame(json)
        #expect(throws: FrameError.notAnObject) { try FrameCodec.decodeNext(from: &incoming) }
    }

    @Test(arguments: ["{}", "{\"type\":7}", "{\"type\":null}"])
    func aMessageHasAType(_ json: String) {
        var incoming = frame(json)
        #expect(throws: FrameError.noType) { try FrameCodec.decodeNext(from: &incoming) }
    }

    @Test func anUnknownTypeKeepsItsNameAndID() throws {
        var incoming = frame("{\"type\":\"frobnicate\",\"id\":11}")
        let read = try #require(try FrameCodec.decodeNext(from: &incoming))
        #expect(read == .unknownType(type: "frobnicate", id: 11))
        #expect(read.refusal == .error(ProtocolError(re: 11, reason: "unknown type 'frobnicate'")))
    }

    @Test(arguments: [
        ("{\"type\":\"ping\",\"id\":3}", "'deadline_ms' is missing"),
        ("{\"type\":\"ping\",\"id\":3,\"deadline_ms\":null}", "'deadline_ms' is missing"),
        ("{\"type\":\"ping\",\"id\":3,\"deadline_ms\":\"soon\"}", "'deadline_ms' is of the wrong type"),
        (
            "{\"type\":\"hello\",\"id\":3,\"protocol\":1,\"epoch\":1,\"process\":\"p-1\",\"role\":\"cook\",\"pid\":1}",
            "'role' has a value that is not allowed"
        ),
    ])
    func aMalformedMessageNamesItsField(_ json: String, _ reason: String) throws {
        let type = json.contains("ping") ? "ping" : "hello"
        var incoming = frame(json)
        let read = try #require(try FrameCodec.decodeNext(from: &incoming))
        #expect(read == .malformed(type: type, id: 3, reason: reason))
        #expect(read.refusal == .error(ProtocolError(re: 3, reason: "'\(type)' is malformed: \(reason)")))
    }

    @Test(arguments: [
        ("fork", "process"), ("assign", "engine"), ("prepare", "model"), ("sleep", "engine"), ("wake", "engine"),
        ("park", "engine"), ("unpark", "engine"), ("lease", "engine"), ("reset", "generation"),
        ("lease.release", "engine"), ("lease.revoke", "engine"),
    ])
    func aRequestThatMakesNoSenseFails(_ type: String, _ missing: String) throws {
        var incoming = frame("{\"type\":\"\(type)\",\"id\":4}")
        let read = try #require(try FrameCodec.decodeNext(from: &incoming))
        #expect(
            read.refusal
                == .failed(Failed(re: 4, reason: "'\(type)' is malformed: '\(missing)' is missing")))
    }

    @Test func aMalformedErrorIsNotAnswered() throws {
        var incoming = frame("{\"type\":\"error\"}")
        let read = try #require(try FrameCodec.decodeNext(from: &incoming))
        #expect(read == .malformed(type: "error", id: nil, reason: "'reason' is missing"))
        #expect(read.refusal == nil)
    }

    @Test func unknownFieldsAreIgnored() throws {
        var incoming = frame("{\"type\":\"done\",\"re\":9,\"colour\":{\"of\":[\"no\",1.5,null]}}")
        #expect(try FrameCodec.decodeNext(from: &incoming) == .message(.done(Done(re: 9))))
    }

    @Test func whatOlderPeersLeaveOutIsNil() throws {
        let recorded = try RecordedFrames.load().messages
        for (name, field) in [("fork of a worker", "socket"), ("assign of an engine with leased workers", "executor")] {
            let full = try #require(recorded.first { $0.name == name })
            guard case .object(var fields) = full.message else { throw NotAnObject() }
            for absent in [JSONValue?.none, .some(.null)] {
                fields[field] = absent
                var incoming = try frame(.object(fields))
                switch try FrameCodec.decodeNext(from: &incoming) {
                case .message(.fork(let fork)): #expect(fork.socket == nil)
                case .message(.assign(let assign)): #expect(assign.executor == nil)
                case let other: Issue.record("\(name) without '\(field)' is \(String(describing: other))")
                }
            }
        }
    }

    @Test(arguments: [
        ("lease.request", "device_type", JSONValue.string("tpu")), ("assign", "executor", .string("elsewhere")),
        ("hello from an idle worker", "role", .string("idler")),
    ])
    func aWordThatIsNotInTheListIsRefused(_ name: String, _ field: String, _ value: JSONValue) throws {
        let recorded = try #require(try RecordedFrames.load().messages.first { $0.name == name })
        guard case .object(var fields) = recorded.message else { throw NotAnObject() }
        fields[field] = value
        var incoming = try frame(.object(fields))
        guard case .malformed(_, _, let reason) = try FrameCodec.decodeNext(from: &incoming) else {
            Issue.record("'\(field)' of \(name) was understood")
            return
        }
        #expect(reason == "'\(field)' has a value that is not allowed")
    }

    @Test(arguments: ["", ",\"cache_bytes\":null"])
    func aPongWithoutCacheBytesHasNone(_ field: String) throws {
        var incoming = frame("{\"type\":\"pong\",\"re\":8,\"progress\":1,\"private_bytes\":2\(field)}")
        #expect(
            try FrameCodec.decodeNext(from: &incoming)
                == .message(.pong(Pong(re: 8, progress: 1, privateBytes: 2, cacheBytes: 0))))
    }

    @Test func cacheBytesOfTheWrongTypeAreNotTakenForNone() throws {
        var incoming = frame(
            "{\"type\":\"pong\",\"re\":8,\"progress\":1,\"private_bytes\":2,\"cache_bytes\":\"many\"}")
        #expect(
            try FrameCodec.decodeNext(from: &incoming)
                == .malformed(type: "pong", id: nil, reason: "'cache_bytes' is of the wrong type"))
    }

    @Test func theStagesOfATemplateKeepTheirOrder() throws {
        var incoming = frame(
            """
            {"type":"prepared","model":"m","weights":true,"private_bytes":3,"error":null,"colour":1,
            "stages":[{"stage":"load","ms":2},{"stage":"attach","ms":0.5,"more":true}]}
            """)
        let stages = [
            WireStageTime(stage: "load", milliseconds: 2), WireStageTime(stage: "attach", milliseconds: 0.5),
        ]
        #expect(
            try FrameCodec.decodeNext(from: &incoming)
                == .message(.prepared(Prepared(model: "m", weights: true, stages: stages, privateBytes: 3))))
    }

    @Test func theLengthIsRefusedBeforeAnyByteOfTheFrame() {
        var incoming = ByteBuffer(integer: UInt32(FrameCodec.maximumLength + 1))
        #expect(throws: FrameError.tooLong(length: FrameCodec.maximumLength + 1)) {
            try FrameCodec.decodeNext(from: &incoming)
        }
    }

    @Test func theLongestMessageGoesThroughAndOneByteMoreDoesNot() throws {
        let empty = try JSONEncoder().encode(["reason": "", "type": "failed"]).count + ",\"re\":1".utf8.count
        let longest = String(repeating: "x", count: FrameCodec.maximumLength - empty)
        var buffer = ByteBuffer()
        try FrameCodec.encode(.failed(Failed(re: 1, reason: longest)), into: &buffer)
        #expect(buffer.readableBytes == 4 + FrameCodec.maximumLength)
        #expect(try FrameCodec.decodeNext(from: &buffer) == .message(.failed(Failed(re: 1, reason: longest))))

        #expect(throws: FrameError.messageTooLong(type: "failed", length: FrameCodec.maximumLength + 1)) {
            try FrameCodec.encode(.failed(Failed(re: 1, reason: longest + "x")), into: &buffer)
        }
        #expect(buffer.readableBytes == 0)
    }

    @Test func whatJSONCannotSayIsNotSent() {
        var buffer = ByteBuffer()
        let stage = Stage(
            engine: "e-1", generation: WireGeneration(epoch: 1, counter: 1), stage: "load", milliseconds: .infinity)
        #expect(throws: FrameError.notEncodable(type: "stage", reason: "'ms' has a value that is not allowed")) {
            try FrameCodec.encode(.stage(stage), into: &buffer)
        }
        #expect(buffer.readableBytes == 0)
    }
}

private struct NotAnObject: Error {}
