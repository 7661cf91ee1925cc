import Scheduling
import Testing

@Suite struct FootprintTests {
    private static let mebibyte = 1 << 20
    private static let gibibyte = 1 << 30

    @Test func theEstimateIsWeightsWithATenthMoreAndCacheAndOverhead() {
        #expect(
            Footprint.estimate(weightBytes: 1000 * Self.mebibyte, kvCacheBytes: 256 * Self.mebibyte)
                == (1100 + 256 + 512) * Self.mebibyte)
        #expect(Footprint.estimate(weightBytes: 0, kvCacheBytes: 0) == 512 * Self.mebibyte)
    }

    @Test(arguments: [
        // device GiB, weights MiB, KV cache MiB
        (10, 100, 1024),  // a tenth of the device
        (1, 100, 256),  // at least 256 MiB
        (100, 100, 4096),  // at most 4 GiB
        (4, 3000, 284),  // less if the weights leave less: 4096 - 3300 - 512
        (4, 3100, 174),  // under the usual least
        (4, 3400, 64),  // never under 64 MiB
        (4, 9000, 64),
    ])
    func theDefaultCache(deviceGibibytes: Int, weightMebibytes: Int, expected: Int) {
        let cache = Footprint.defaultKVCacheBytes(
            deviceBytes: deviceGibibytes * Self.gibibyte, weightBytes: weightMebibytes * Self.mebibyte)
        #expect(cache == expected * Self.mebibyte)
    }

    @Test func aModelWithTheDefaultCacheFitsWheneverItCan() {
        let device = 4 * Self.gibibyte
        for weights in stride(from: 0, through: 3100 * Self.mebibyte, by: 50 * Self.mebibyte) {
            let cache = Footprint.defaultKVCacheBytes(deviceBytes: device, weightBytes: weights)
            #expect(Footprint.estimate(weightBytes: weights, kvCacheBytes: cache) <= device)
        }
    }
}
