import NIOCore
import Testing

@testable import ControlProtocol

/// Whatever bytes come, the decoder neither crashes nor takes more than it was given.
@Suite struct FrameFuzzTests {
    /// SplitMix64: the same bytes in every run.
    struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    @Test func randomBytesNeverBreakTheDecoder() throws {
        var random = SeededGenerator(state: 20)
        let recorded = try RecordedFrames.load().messages.map { try $0.frame() }
        var outcomes: [String: Int] = [:]
        for _ in 0..<10_000 {
            var buffer = try makeInput(recorded, using: &random)
            var before = buffer.readableBytes
            reading: while true {
                do {
                    guard let read = try FrameCodec.decodeNext(from: &buffer) else {
                        #expect(buffer.readableBytes == before)
                        outcomes["incomplete", default: 0] += 1
                        break reading
                    }
                    let consumed = before - buffer.readableBytes
                    #expect(consumed > 4 && consumed <= 4 + FrameCodec.maximumLength)
                    before = buffer.readableBytes
                    if case .message = read { outcomes["message", default: 0] += 1 }
                    if case .malformed = read { outcomes["malformed", default: 0] += 1 }
                } catch {
                    outcomes["refused", default: 0] += 1
                    break reading
                }
            }
        }
        // The input is worth something only if it reaches every way out.
        #expect(Set(outcomes.keys) == ["incomplete", "message", "malformed", "refused"])
    }

    /// A recorded frame with a few bytes changed, or noise behind a length that is right, or noise alone.
    private func makeInput(_ recorded: [ByteBuffer], using random: inout SeededGenerator) throws -> ByteBuffer {
        let noise = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            return ByteBuffer(bytes: noise)
        case 1:
            var buffer = ByteBuffer(integer: UInt32(noise.count))
            buffer.writeBytes(noise)
            return buffer
        default:
            var buffer = try #require(recorded.randomElement(using: &random))
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<buffer.readableBytes, using: &random)
                buffer.setInteger(UInt8.random(in: 0...255, using: &random), at: place)
            }
            buffer.writeBytes(noise)
            return buffer
        }
    }
}
