"""One HTML page of sampled answers: `python -m egpo_verl.inspect ROLLOUTS`.

`files` finds and samples the answers that `formats` reads, `calls_beside` sets an answer's calls
beside those wanted, `page` makes the page of `page.html`, `page.css`, `detail.js` and `list.js`.
"""
